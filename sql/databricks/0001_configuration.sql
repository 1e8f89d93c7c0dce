-- Tenancy, configuration and the journal. Names are unqualified: the runner selects catalog and schema before the first statement.
-- Keys are informational on Delta; derived ids and MERGE hold uniqueness. A line that starts with "--:" is what Delta cannot have: the SQLite
-- and PostgreSQL texts carry it as a statement.

CREATE TABLE IF NOT EXISTS dq_settings (
  key STRING NOT NULL COMMENT 'schema_version, or a journal entry migration/SCRIPT[/STATEMENT]',
  value STRING COMMENT 'Text; JSON for journal entries',
  updated_at TIMESTAMP NOT NULL COMMENT 'Last write, UTC',
  CONSTRAINT pk_dq_settings PRIMARY KEY (key)
)
USING DELTA
COMMENT 'Schema version and migration journal';

CREATE TABLE IF NOT EXISTS dq_organizations (
  organization_id STRING NOT NULL COMMENT 'UUIDv5 of the name',
  name VARCHAR(255) NOT NULL COMMENT 'Unique display name',
  created_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'Last change, UTC',
  CONSTRAINT pk_dq_organizations PRIMARY KEY (organization_id)
)
USING DELTA
COMMENT 'Tenants'
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_organizations_name ON dq_organizations (name);

CREATE TABLE IF NOT EXISTS dq_projects (
  project_key STRING NOT NULL COMMENT 'Key chosen in the configuration',
  organization_id STRING NOT NULL COMMENT 'Tenant of the project',
  name STRING NOT NULL COMMENT 'Display name, unique in the organization',
  description STRING COMMENT 'Free text',
  sql_flavor STRING NOT NULL DEFAULT 'databricks' COMMENT 'Dialect in which rules are written',
  created_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'Last change, UTC',
  CONSTRAINT pk_dq_projects PRIMARY KEY (project_key),
  CONSTRAINT fk_dq_projects_organization FOREIGN KEY (organization_id) REFERENCES dq_organizations (organization_id)
)
USING DELTA
COMMENT 'Workspaces of a tenant'
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_projects_name ON dq_projects (organization_id, name);

CREATE TABLE IF NOT EXISTS dq_connections (
  connection_id STRING NOT NULL COMMENT 'UUIDv5 of project and name',
  project_key STRING NOT NULL COMMENT 'Project that owns the connection',
  system_id STRING COMMENT 'Reference to an outside system record',
  name STRING NOT NULL COMMENT 'Name in the configuration, unique in the project',
  managed_by STRING NOT NULL COMMENT 'file or api: who rules this row',
  profiling_notebook_path STRING COMMENT 'Notebook of Databricks profiling jobs',
  type STRING NOT NULL COMMENT 'duckdb, databricks, spark, postgresql, mysql, sqlserver, bigquery, snowflake, redshift',
  catalog STRING COMMENT 'Catalog that is scanned',
  schema_name STRING COMMENT 'Schema that is scanned',
  http_path STRING COMMENT 'SQL warehouse path',
  config_encrypted STRING COMMENT 'MultiFernet ciphertext; empty on Databricks connections',
  key_id STRING COMMENT 'Key that made the ciphertext',
  managed_credentials_ref STRING COMMENT 'env:NAME, file:PATH or databricks:scope/key; never the secret',
  status STRING NOT NULL DEFAULT 'unknown' COMMENT 'unknown, healthy, unhealthy, error',
  last_tested_at TIMESTAMP COMMENT 'Last connection test, UTC',
  last_error STRING COMMENT 'Message of the last failed test',
  is_active BOOLEAN NOT NULL DEFAULT true COMMENT 'False once it vanished from its file',
  created_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'Last change, UTC',
  CONSTRAINT pk_dq_connections PRIMARY KEY (connection_id),
  CONSTRAINT fk_dq_connections_project FOREIGN KEY (project_key) REFERENCES dq_projects (project_key)
)
USING DELTA
COMMENT 'Data sources; no secret is kept here in clear'
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_connections_name ON dq_connections (project_key, name);
--: CREATE INDEX IF NOT EXISTS ix_dq_connections_type ON dq_connections (type);

CREATE TABLE IF NOT EXISTS dq_table_groups (
  table_group_id STRING NOT NULL COMMENT 'UUIDv5 of project and name',
  project_key STRING NOT NULL COMMENT 'Project that owns the group',
  connection_id STRING NOT NULL COMMENT 'Connection that is scanned',
  data_object_id STRING COMMENT 'Dataset of the API',
  name STRING NOT NULL COMMENT 'Name in the configuration, unique in the project',
  description STRING COMMENT 'Free text',
  is_active BOOLEAN NOT NULL DEFAULT true COMMENT 'False once it vanished from its file',
  managed_by STRING NOT NULL COMMENT 'file or api: who rules this row',
  profiling_include_mask STRING COMMENT 'Masks of the tables that belong to the group',
  profiling_exclude_mask STRING COMMENT 'Masks of the tables that do not; they win',
  profiling_job_id STRING COMMENT 'Databricks job that profiles the group',
  settings_json STRING COMMENT 'JSON: batch, timezone, sampling, schedules, suggestion options',
  created_at TIMESTAMP NOT NULL COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL COMMENT 'Last change, UTC',
  CONSTRAINT pk_dq_table_groups PRIMARY KEY (table_group_id),
  CONSTRAINT fk_dq_table_groups_project FOREIGN KEY (project_key) REFERENCES dq_projects (project_key),
  CONSTRAINT fk_dq_table_groups_connection FOREIGN KEY (connection_id) REFERENCES dq_connections (connection_id)
)
USING DELTA
COMMENT 'Tables of one connection that are profiled and tested together'
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_table_groups_name ON dq_table_groups (project_key, name);
--: CREATE INDEX IF NOT EXISTS ix_dq_table_groups_connection ON dq_table_groups (connection_id);
--: CREATE INDEX IF NOT EXISTS ix_dq_table_groups_profiling_job ON dq_table_groups (profiling_job_id);

CREATE TABLE IF NOT EXISTS dq_tables (
  table_id STRING NOT NULL COMMENT 'UUIDv5 of group, schema and table',
  project_key STRING NOT NULL COMMENT 'Project that owns the table',
  table_group_id STRING NOT NULL COMMENT 'Group of the table',
  schema_name STRING NOT NULL COMMENT 'Schema exactly as the engine reports it',
  table_name STRING NOT NULL COMMENT 'Table exactly as the engine reports it',
  source_table_id STRING COMMENT 'Reference to an outside table record',
  last_seen_change STRING COMMENT 'Delta version or change token last profiled',
  dropped_at TIMESTAMP COMMENT 'When the table was first found missing, UTC',
  created_at TIMESTAMP NOT NULL COMMENT 'First write, UTC',
  CONSTRAINT pk_dq_tables PRIMARY KEY (table_id),
  CONSTRAINT fk_dq_tables_group FOREIGN KEY (table_group_id) REFERENCES dq_table_groups (table_group_id)
)
USING DELTA
COMMENT 'Tables of the groups'
CLUSTER BY (table_group_id);
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_tables_name ON dq_tables (table_group_id, schema_name, table_name);

CREATE TABLE IF NOT EXISTS dq_audit_log (
  audit_id STRING NOT NULL COMMENT 'UUIDv5 of what happened',
  project_key STRING NOT NULL COMMENT 'Project in which it happened',
  entity_type VARCHAR(50) NOT NULL COMMENT 'connection, table_group, test_suite, schema, …',
  entity_id STRING NOT NULL COMMENT 'Id of the entity',
  action VARCHAR(20) NOT NULL COMMENT 'create, update, delete, provision, rename, grant, acknowledge, resolve, …',
  actor_type STRING NOT NULL COMMENT 'person, api_key, system',
  actor_id STRING COMMENT 'Who did it',
  changes STRING COMMENT 'JSON: field to old and new value',
  created_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'When it happened, UTC',
  CONSTRAINT pk_dq_audit_log PRIMARY KEY (audit_id)
)
USING DELTA
COMMENT 'Append-only record of changes'
CLUSTER BY (project_key, created_at)
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE INDEX IF NOT EXISTS ix_dq_audit_log_project ON dq_audit_log (project_key, created_at DESC);
--: CREATE INDEX IF NOT EXISTS ix_dq_audit_log_entity ON dq_audit_log (entity_type, entity_id, created_at DESC);
