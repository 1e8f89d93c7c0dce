-- Drafted from the Databricks text by dq_assets.store.drafting, then committed: what stands here is what runs.

-- Profile runs
CREATE TABLE IF NOT EXISTS dq_profiles (
  profile_run_id TEXT NOT NULL, -- UUIDv5 of what made the run; a retry is the same run
  project_key TEXT NOT NULL, -- Project of the run
  table_group_id TEXT NOT NULL, -- Group that is profiled
  as_of TIMESTAMPTZ NOT NULL, -- The moment the run speaks of, UTC
  batch_key TEXT, -- Batch that was asked for; NULL: all
  status TEXT NOT NULL, -- pending, running, completed, failed, cancelled
  attempt INTEGER NOT NULL, -- Fence: what an older attempt sends is ignored
  started_at TIMESTAMPTZ NOT NULL, -- Start of the first attempt, UTC
  completed_at TIMESTAMPTZ, -- End of the last attempt, UTC
  table_count BIGINT, -- Tables profiled
  column_count BIGINT, -- Columns profiled
  row_count BIGINT, -- Rows of these tables
  anomaly_count INTEGER, -- Findings
  profile_mode TEXT, -- local, warehouse, databricks_job
  profile_version TEXT, -- Version of the metric catalogue
  payload_path TEXT, -- Where a large payload lies
  databricks_run_id TEXT, -- Run of the Databricks job
  dagster_run_id TEXT, -- Dagster run that did the work
  requested_by TEXT, -- Who asked for it
  error_message TEXT, -- Why it failed
  dq_score_profiling DOUBLE PRECISION, -- Score of the profile, 0 to 1
  dq_score_testing DOUBLE PRECISION, -- Score of the tests, 0 to 1
  trigger_source TEXT, -- manual, schedule, ingestion, activation, api, webhook
  CONSTRAINT pk_dq_profiles PRIMARY KEY (profile_run_id),
  CONSTRAINT fk_dq_profiles_group FOREIGN KEY (table_group_id) REFERENCES dq_table_groups (table_group_id)
);

CREATE INDEX IF NOT EXISTS ix_dq_profiles_group ON dq_profiles (table_group_id, as_of DESC);

CREATE INDEX IF NOT EXISTS ix_dq_profiles_databricks_run ON dq_profiles (databricks_run_id);

-- One row per column of a profile run
CREATE TABLE IF NOT EXISTS dq_profile_results (
  result_id TEXT NOT NULL, -- UUIDv5 of run and column
  profile_run_id TEXT NOT NULL, -- Run that made the row
  project_key TEXT NOT NULL, -- Project of the run
  batch_key TEXT, -- NULL: over all rows read
  table_id TEXT NOT NULL, -- Table of the column
  column_id TEXT NOT NULL, -- UUIDv5 of table and column
  schema_name TEXT NOT NULL, -- Schema as the engine reports it
  table_name TEXT NOT NULL, -- Table as the engine reports it
  column_name TEXT NOT NULL, -- Column as the engine reports it
  ordinal_position INTEGER, -- Position of the column in its table
  data_type TEXT, -- Type as the engine declares it
  general_type TEXT, -- A text, N number, D date or time, T time, B boolean, X other
  functional_type TEXT, -- What the column is used for
  record_count BIGINT, -- Rows of the table
  rows_read BIGINT, -- Rows that were really read
  null_count BIGINT, -- Rows without a value
  distinct_count BIGINT, -- Different values
  min_value TEXT, -- Smallest value, masked as the group asks
  max_value TEXT, -- Largest value, masked as the group asks
  avg_value DOUBLE PRECISION, -- Mean of a number
  stddev_value DOUBLE PRECISION, -- Sample standard deviation of a number
  percentiles_json JSONB, -- JSON: p01 to p99
  top_values_json JSONB, -- JSON: most frequent values
  metrics_json JSONB, -- JSON: every further metric by name
  approximations_json JSONB, -- JSON: metric to exact, approximate or sampled
  generated_at TIMESTAMPTZ NOT NULL, -- started_at of the run, UTC
  CONSTRAINT pk_dq_profile_results PRIMARY KEY (result_id),
  CONSTRAINT fk_dq_profile_results_run FOREIGN KEY (profile_run_id) REFERENCES dq_profiles (profile_run_id)
);

CREATE INDEX IF NOT EXISTS ix_dq_profile_results_run ON dq_profile_results (profile_run_id, table_name, column_name);

-- Series of metrics per batch; the newest completed run of a batch counts
CREATE TABLE IF NOT EXISTS dq_profile_metrics (
  profile_run_id TEXT NOT NULL, -- Run that made the row
  project_key TEXT NOT NULL, -- Project of the run
  table_id TEXT NOT NULL, -- Table that was measured
  column_id TEXT, -- Column that was measured; NULL: the table
  batch_key TEXT, -- Batch that was measured; NULL: the whole table
  window_start TIMESTAMPTZ NOT NULL, -- Start of the batch in data time, UTC
  window_end TIMESTAMPTZ NOT NULL, -- End of the batch in data time, not included, UTC
  metric TEXT NOT NULL, -- Name in the metric catalogue
  metric_version INTEGER NOT NULL, -- Version of the definition of the metric
  value DOUBLE PRECISION, -- The number
  value_text TEXT, -- The exact value where a double would lose digits
  rows_read BIGINT NOT NULL, -- Rows that were really read
  quality TEXT NOT NULL, -- exact, approximate, sampled
  baseline_status TEXT NOT NULL, -- learned, excluded, pending
  data_version TEXT, -- Version of the data that was read
  CONSTRAINT fk_dq_profile_metrics_run FOREIGN KEY (profile_run_id) REFERENCES dq_profiles (profile_run_id)
);

CREATE INDEX IF NOT EXISTS ix_dq_profile_metrics_window ON dq_profile_metrics (table_id, window_start);

CREATE INDEX IF NOT EXISTS ix_dq_profile_metrics_run ON dq_profile_metrics (profile_run_id);

-- Top values and histogram buckets of the columns of a run
CREATE TABLE IF NOT EXISTS dq_profile_column_values (
  profile_run_id TEXT NOT NULL, -- Run that made the row
  project_key TEXT NOT NULL, -- Project of the run
  schema_name TEXT NOT NULL, -- Schema as the engine reports it
  table_name TEXT NOT NULL, -- Table as the engine reports it
  column_name TEXT NOT NULL, -- Column as the engine reports it
  value TEXT, -- Top value, masked as the group asks
  value_hash TEXT, -- SHA-256 of the value as stored
  frequency BIGINT NOT NULL, -- Rows with the value or in the bucket
  relative_freq DOUBLE PRECISION, -- Share of the rows that have a value
  rank INTEGER NOT NULL, -- Order from 1
  bucket_label TEXT, -- NULL: top value; else histogram bucket
  bucket_lower_bound DOUBLE PRECISION, -- Start of the bucket
  bucket_upper_bound DOUBLE PRECISION, -- End of the bucket
  generated_at TIMESTAMPTZ NOT NULL, -- started_at of the run, UTC
  CONSTRAINT fk_dq_profile_column_values_run FOREIGN KEY (profile_run_id) REFERENCES dq_profiles (profile_run_id)
);

CREATE INDEX IF NOT EXISTS ix_dq_profile_column_values_run ON dq_profile_column_values (profile_run_id, table_name, column_name);

-- Kinds of findings, seeded when provisioning
CREATE TABLE IF NOT EXISTS dq_profile_anomaly_types (
  anomaly_type_id INTEGER NOT NULL, -- 1001 to 1031, 1100; own kinds from 2001
  code TEXT NOT NULL, -- Unique code, as in null_ratio
  name TEXT NOT NULL, -- Name for people
  category TEXT NOT NULL, -- hygiene or pii
  default_severity TEXT NOT NULL, -- info, warning, error, fatal
  default_likelihood TEXT NOT NULL, -- definite, likely, possible, potential
  dq_dimension TEXT, -- Quality dimension
  description TEXT, -- What was found
  suggested_action TEXT, -- What to do about it
  created_at TIMESTAMPTZ NOT NULL, -- First write, UTC
  updated_at TIMESTAMPTZ NOT NULL, -- Last change, UTC
  CONSTRAINT pk_dq_profile_anomaly_types PRIMARY KEY (anomaly_type_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_profile_anomaly_types_code ON dq_profile_anomaly_types (code);

-- Findings of the profile runs
CREATE TABLE IF NOT EXISTS dq_profile_anomaly_results (
  anomaly_result_id TEXT NOT NULL, -- UUIDv5 of run, kind, table and column
  profile_run_id TEXT NOT NULL, -- Run that found it
  project_key TEXT NOT NULL, -- Project of the run
  table_id TEXT NOT NULL, -- Table it was found in
  column_id TEXT, -- Column it was found in; NULL: the table
  table_name TEXT NOT NULL, -- Table as the engine reports it
  column_name TEXT, -- Column as the engine reports it
  anomaly_type_id INTEGER NOT NULL, -- Kind of finding
  severity TEXT NOT NULL, -- info, warning, error, fatal
  likelihood TEXT NOT NULL, -- definite, likely, possible, potential
  detail TEXT, -- What was found, with numbers
  affected_rows BIGINT, -- Rows concerned
  row_predicate TEXT, -- SQL that selects the rows
  pii_risk TEXT, -- Kind of personal data
  dq_dimension TEXT, -- Quality dimension
  detected_at TIMESTAMPTZ NOT NULL, -- started_at of the run, UTC
  disposition TEXT, -- confirmed, dismissed, inactive
  dismissed BOOLEAN NOT NULL DEFAULT FALSE, -- Whether a person waved it off
  dismissed_by TEXT, -- Who did
  dismissed_at TIMESTAMPTZ, -- When, UTC
  CONSTRAINT pk_dq_profile_anomaly_results PRIMARY KEY (anomaly_result_id),
  CONSTRAINT fk_dq_profile_anomaly_results_run FOREIGN KEY (profile_run_id) REFERENCES dq_profiles (profile_run_id)
);

CREATE INDEX IF NOT EXISTS ix_dq_profile_anomaly_results_run ON dq_profile_anomaly_results (profile_run_id);

-- What is known of each column beyond a run
CREATE TABLE IF NOT EXISTS dq_data_column_chars (
  column_id TEXT NOT NULL, -- UUIDv5 of table and column
  project_key TEXT NOT NULL, -- Project of the table
  table_id TEXT NOT NULL, -- Table of the column
  schema_name TEXT NOT NULL, -- Schema as the engine reports it
  table_name TEXT NOT NULL, -- Table as the engine reports it
  column_name TEXT NOT NULL, -- Column as the engine reports it
  data_type TEXT, -- Type in the latest profile
  functional_data_type TEXT, -- What the column is used for
  critical_data_element BOOLEAN, -- Whether the business depends on it
  pii_risk TEXT, -- Kind of personal data
  dq_dimension TEXT, -- Quality dimension
  tags_json JSONB, -- JSON: list of tags
  dq_score_profiling DOUBLE PRECISION, -- Score of the profile, 0 to 1
  dq_score_testing DOUBLE PRECISION, -- Score of the tests, 0 to 1
  last_complete_profile_run_id TEXT, -- Latest completed run
  latest_anomaly_ct INTEGER, -- Findings of that run
  latest_run_completed_at TIMESTAMPTZ, -- When that run ended, UTC
  created_at TIMESTAMPTZ NOT NULL, -- First write, UTC
  updated_at TIMESTAMPTZ NOT NULL, -- Last change, UTC
  CONSTRAINT pk_dq_data_column_chars PRIMARY KEY (column_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_data_column_chars_name ON dq_data_column_chars (table_id, column_name);

CREATE OR REPLACE VIEW dq_profile_columns AS
SELECT
  r.profile_run_id,
  r.project_key,
  r.schema_name,
  r.table_name,
  r.column_name,
  r.schema_name || '.' || r.table_name || '.' || r.column_name AS qualified_name,
  r.data_type,
  r.general_type,
  r.ordinal_position,
  r.record_count AS row_count,
  r.null_count,
  r.rows_read - r.null_count AS non_null_count,
  r.distinct_count,
  r.min_value,
  r.max_value,
  r.avg_value,
  r.stddev_value,
  CAST(JSONB_EXTRACT_PATH_TEXT(r.percentiles_json, 'p50') AS DOUBLE PRECISION) AS median_value,
  CAST(JSONB_EXTRACT_PATH_TEXT(r.percentiles_json, 'p95') AS DOUBLE PRECISION) AS p95_value,
  CAST(CAST(JSONB_EXTRACT_PATH_TEXT(r.metrics_json, 'true_count') AS DOUBLE PRECISION) AS BIGINT) AS true_count,
  CAST(CAST(JSONB_EXTRACT_PATH_TEXT(r.metrics_json, 'false_count') AS DOUBLE PRECISION) AS BIGINT) AS false_count,
  CAST(CAST(JSONB_EXTRACT_PATH_TEXT(r.metrics_json, 'min_length') AS DOUBLE PRECISION) AS BIGINT) AS min_length,
  CAST(CAST(JSONB_EXTRACT_PATH_TEXT(r.metrics_json, 'max_length') AS DOUBLE PRECISION) AS BIGINT) AS max_length,
  CAST(JSONB_EXTRACT_PATH_TEXT(r.metrics_json, 'avg_length') AS DOUBLE PRECISION) AS avg_length,
  CAST(JSONB_EXTRACT_PATH_TEXT(r.metrics_json, 'non_ascii_ratio') AS DOUBLE PRECISION) AS non_ascii_ratio,
  CASE WHEN r.general_type = 'D' THEN r.min_value END AS min_date,
  CASE WHEN r.general_type = 'D' THEN r.max_value END AS max_date,
  CAST(CAST(JSONB_EXTRACT_PATH_TEXT(r.metrics_json, 'min_date_days') AS DOUBLE PRECISION) AS BIGINT) - CAST(CAST(JSONB_EXTRACT_PATH_TEXT(r.metrics_json, 'max_date_days') AS DOUBLE PRECISION) AS BIGINT) AS date_span_days,
  r.metrics_json,
  r.generated_at
FROM dq_profile_results AS r
JOIN dq_profiles AS p
  ON p.profile_run_id = r.profile_run_id
WHERE
  p.status = 'completed';

CREATE OR REPLACE VIEW dq_profile_anomalies AS
SELECT
  a.profile_run_id,
  a.project_key,
  a.table_name,
  a.column_name,
  COALESCE(t.code, 'external') AS anomaly_type,
  a.severity,
  a.detail AS description,
  a.detected_at
FROM dq_profile_anomaly_results AS a
JOIN dq_profiles AS p
  ON p.profile_run_id = a.profile_run_id
LEFT JOIN dq_profile_anomaly_types AS t
  ON t.anomaly_type_id = a.anomaly_type_id
WHERE
  p.status = 'completed';
