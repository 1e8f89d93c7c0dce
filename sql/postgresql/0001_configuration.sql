-- Drafted from the Databricks text by dq_assets.store.drafting, then committed: what stands here is what runs.

-- Schema version and migration journal
CREATE TABLE IF NOT EXISTS dq_settings (
  key TEXT NOT NULL, -- schema_version, or a journal entry migration/SCRIPT[/STATEMENT]
  value TEXT, -- Text; JSON for journal entries
  updated_at TIMESTAMPTZ NOT NULL, -- Last write, UTC
  CONSTRAINT pk_dq_settings PRIMARY KEY (key)
);

-- Tenants
CREATE TABLE IF NOT EXISTS dq_organizations (
  organization_id TEXT NOT NULL, -- UUIDv5 of the name
  name VARCHAR(255) NOT NULL, -- Unique display name
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(), -- First write, UTC
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(), -- Last change, UTC
  CONSTRAINT pk_dq_organizations PRIMARY KEY (organization_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_organizations_name ON dq_organizations (name);

-- Workspaces of a tenant
CREATE TABLE IF NOT EXISTS dq_projects (
  project_key TEXT NOT NULL, -- Key chosen in the configuration
  organization_id TEXT NOT NULL, -- Tenant of the project
  name TEXT NOT NULL, -- Display name, unique in the organization
  description TEXT, -- Free text
  sql_flavor TEXT NOT NULL DEFAULT 'databricks', -- Dialect in which rules are written
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(), -- First write, UTC
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(), -- Last change, UTC
  CONSTRAINT pk_dq_projects PRIMARY KEY (project_key),
  CONSTRAINT fk_dq_projects_organization FOREIGN KEY (organization_id) REFERENCES dq_organizations (organization_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_projects_name ON dq_projects (organization_id, name);

-- Data sources; no secret is kept here in clear
CREATE TABLE IF NOT EXISTS dq_connections (
  connection_id TEXT NOT NULL, -- UUIDv5 of project and name
  project_key TEXT NOT NULL, -- Project that owns the connection
  system_id TEXT, -- Reference to an outside system record
  name TEXT NOT NULL, -- Name in the configuration, unique in the project
  managed_by TEXT NOT NULL, -- file or api: who rules this row
  profiling_notebook_path TEXT, -- Notebook of Databricks profiling jobs
  type TEXT NOT NULL, -- duckdb, databricks, spark, postgresql, mysql, sqlserver, bigquery, snowflake, redshift
  catalog TEXT, -- Catalog that is scanned
  schema_name TEXT, -- Schema that is scanned
  http_path TEXT, -- SQL warehouse path
  config_encrypted TEXT, -- MultiFernet ciphertext; empty on Databricks connections
  key_id TEXT, -- Key that made the ciphertext
  managed_credentials_ref TEXT, -- env:NAME, file:PATH or databricks:scope/key; never the secret
  status TEXT NOT NULL DEFAULT 'unknown', -- unknown, healthy, unhealthy, error
  last_tested_at TIMESTAMPTZ, -- Last connection test, UTC
  last_error TEXT, -- Message of the last failed test
  is_active BOOLEAN NOT NULL DEFAULT TRUE, -- False once it vanished from its file
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(), -- First write, UTC
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(), -- Last change, UTC
  CONSTRAINT pk_dq_connections PRIMARY KEY (connection_id),
  CONSTRAINT fk_dq_connections_project FOREIGN KEY (project_key) REFERENCES dq_projects (project_key)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_connections_name ON dq_connections (project_key, name);

CREATE INDEX IF NOT EXISTS ix_dq_connections_type ON dq_connections (type);

-- Tables of one connection that are profiled and tested together
CREATE TABLE IF NOT EXISTS dq_table_groups (
  table_group_id TEXT NOT NULL, -- UUIDv5 of project and name
  project_key TEXT NOT NULL, -- Project that owns the group
  connection_id TEXT NOT NULL, -- Connection that is scanned
  data_object_id TEXT, -- Dataset of the API
  name TEXT NOT NULL, -- Name in the configuration, unique in the project
  description TEXT, -- Free text
  is_active BOOLEAN NOT NULL DEFAULT TRUE, -- False once it vanished from its file
  managed_by TEXT NOT NULL, -- file or api: who rules this row
  profiling_include_mask TEXT, -- Masks of the tables that belong to the group
  profiling_exclude_mask TEXT, -- Masks of the tables that do not; they win
  profiling_job_id TEXT, -- Databricks job that profiles the group
  settings_json JSONB, -- JSON: batch, timezone, sampling, schedules, suggestion options
  created_at TIMESTAMPTZ NOT NULL, -- First write, UTC
  updated_at TIMESTAMPTZ NOT NULL, -- Last change, UTC
  CONSTRAINT pk_dq_table_groups PRIMARY KEY (table_group_id),
  CONSTRAINT fk_dq_table_groups_project FOREIGN KEY (project_key) REFERENCES dq_projects (project_key),
  CONSTRAINT fk_dq_table_groups_connection FOREIGN KEY (connection_id) REFERENCES dq_connections (connection_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_table_groups_name ON dq_table_groups (project_key, name);

CREATE INDEX IF NOT EXISTS ix_dq_table_groups_connection ON dq_table_groups (connection_id);

CREATE INDEX IF NOT EXISTS ix_dq_table_groups_profiling_job ON dq_table_groups (profiling_job_id);

-- Tables of the groups
CREATE TABLE IF NOT EXISTS dq_tables (
  table_id TEXT NOT NULL, -- UUIDv5 of group, schema and table
  project_key TEXT NOT NULL, -- Project that owns the table
  table_group_id TEXT NOT NULL, -- Group of the table
  schema_name TEXT NOT NULL, -- Schema exactly as the engine reports it
  table_name TEXT NOT NULL, -- Table exactly as the engine reports it
  source_table_id TEXT, -- Reference to an outside table record
  last_seen_change TEXT, -- Delta version or change token last profiled
  dropped_at TIMESTAMPTZ, -- When the table was first found missing, UTC
  created_at TIMESTAMPTZ NOT NULL, -- First write, UTC
  CONSTRAINT pk_dq_tables PRIMARY KEY (table_id),
  CONSTRAINT fk_dq_tables_group FOREIGN KEY (table_group_id) REFERENCES dq_table_groups (table_group_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_tables_name ON dq_tables (table_group_id, schema_name, table_name);

-- Append-only record of changes
CREATE TABLE IF NOT EXISTS dq_audit_log (
  audit_id TEXT NOT NULL, -- UUIDv5 of what happened
  project_key TEXT NOT NULL, -- Project in which it happened
  entity_type VARCHAR(50) NOT NULL, -- connection, table_group, test_suite, schema, …
  entity_id TEXT NOT NULL, -- Id of the entity
  action VARCHAR(20) NOT NULL, -- create, update, delete, provision, rename, grant, acknowledge, resolve, …
  actor_type TEXT NOT NULL, -- person, api_key, system
  actor_id TEXT, -- Who did it
  changes JSONB, -- JSON: field to old and new value
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(), -- When it happened, UTC
  CONSTRAINT pk_dq_audit_log PRIMARY KEY (audit_id, created_at)
) PARTITION BY RANGE (created_at);

CREATE TABLE IF NOT EXISTS dq_audit_log_default PARTITION OF dq_audit_log DEFAULT;

CREATE INDEX IF NOT EXISTS ix_dq_audit_log_project ON dq_audit_log (project_key, created_at DESC);

CREATE INDEX IF NOT EXISTS ix_dq_audit_log_entity ON dq_audit_log (entity_type, entity_id, created_at DESC);
