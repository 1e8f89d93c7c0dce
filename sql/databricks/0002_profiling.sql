-- Profile runs and what they found. Names are unqualified: the runner selects catalog and schema before the first statement.
-- Rows of a run count once dq_profiles.status is completed, which is written last; the views below join on it.

CREATE TABLE IF NOT EXISTS dq_profiles (
  profile_run_id STRING NOT NULL COMMENT 'UUIDv5 of what made the run; a retry is the same run',
  project_key STRING NOT NULL COMMENT 'Project of the run',
  table_group_id STRING NOT NULL COMMENT 'Group that is profiled',
  as_of TIMESTAMP NOT NULL COMMENT 'The moment the run speaks of, UTC',
  batch_key STRING COMMENT 'Batch that was asked for; NULL: all',
  status STRING NOT NULL COMMENT 'pending, running, completed, failed, cancelled',
  attempt INT NOT NULL COMMENT 'Fence: what an older attempt sends is ignored',
  started_at TIMESTAMP NOT NULL COMMENT 'Start of the first attempt, UTC',
  completed_at TIMESTAMP COMMENT 'End of the last attempt, UTC',
  table_count BIGINT COMMENT 'Tables profiled',
  column_count BIGINT COMMENT 'Columns profiled',
  row_count BIGINT COMMENT 'Rows of these tables',
  anomaly_count INT COMMENT 'Findings',
  profile_mode STRING COMMENT 'local, warehouse, databricks_job',
  profile_version STRING COMMENT 'Version of the metric catalogue',
  payload_path STRING COMMENT 'Where a large payload lies',
  databricks_run_id STRING COMMENT 'Run of the Databricks job',
  dagster_run_id STRING COMMENT 'Dagster run that did the work',
  requested_by STRING COMMENT 'Who asked for it',
  error_message STRING COMMENT 'Why it failed',
  dq_score_profiling DOUBLE COMMENT 'Score of the profile, 0 to 1',
  dq_score_testing DOUBLE COMMENT 'Score of the tests, 0 to 1',
  trigger_source STRING COMMENT 'manual, schedule, ingestion, activation, api, webhook',
  CONSTRAINT pk_dq_profiles PRIMARY KEY (profile_run_id),
  CONSTRAINT fk_dq_profiles_group FOREIGN KEY (table_group_id) REFERENCES dq_table_groups (table_group_id)
)
USING DELTA
COMMENT 'Profile runs'
CLUSTER BY (table_group_id, as_of);
--: CREATE INDEX IF NOT EXISTS ix_dq_profiles_group ON dq_profiles (table_group_id, as_of DESC);
--: CREATE INDEX IF NOT EXISTS ix_dq_profiles_databricks_run ON dq_profiles (databricks_run_id);

CREATE TABLE IF NOT EXISTS dq_profile_results (
  result_id STRING NOT NULL COMMENT 'UUIDv5 of run and column',
  profile_run_id STRING NOT NULL COMMENT 'Run that made the row',
  project_key STRING NOT NULL COMMENT 'Project of the run',
  batch_key STRING COMMENT 'NULL: over all rows read',
  table_id STRING NOT NULL COMMENT 'Table of the column',
  column_id STRING NOT NULL COMMENT 'UUIDv5 of table and column',
  schema_name STRING NOT NULL COMMENT 'Schema as the engine reports it',
  table_name STRING NOT NULL COMMENT 'Table as the engine reports it',
  column_name STRING NOT NULL COMMENT 'Column as the engine reports it',
  ordinal_position INT COMMENT 'Position of the column in its table',
  data_type STRING COMMENT 'Type as the engine declares it',
  general_type STRING COMMENT 'A text, N number, D date or time, T time, B boolean, X other',
  functional_type STRING COMMENT 'What the column is used for',
  record_count BIGINT COMMENT 'Rows of the table',
  rows_read BIGINT COMMENT 'Rows that were really read',
  null_count BIGINT COMMENT 'Rows without a value',
  distinct_count BIGINT COMMENT 'Different values',
  min_value STRING COMMENT 'Smallest value, masked as the group asks',
  max_value STRING COMMENT 'Largest value, masked as the group asks',
  avg_value DOUBLE COMMENT 'Mean of a number',
  stddev_value DOUBLE COMMENT 'Sample standard deviation of a number',
  percentiles_json STRING COMMENT 'JSON: p01 to p99',
  top_values_json STRING COMMENT 'JSON: most frequent values',
  metrics_json STRING COMMENT 'JSON: every further metric by name',
  approximations_json STRING COMMENT 'JSON: metric to exact, approximate or sampled',
  generated_at TIMESTAMP NOT NULL COMMENT 'started_at of the run, UTC',
  CONSTRAINT pk_dq_profile_results PRIMARY KEY (result_id),
  CONSTRAINT fk_dq_profile_results_run FOREIGN KEY (profile_run_id) REFERENCES dq_profiles (profile_run_id)
)
USING DELTA
COMMENT 'One row per column of a profile run'
CLUSTER BY (profile_run_id, table_id);
--: CREATE INDEX IF NOT EXISTS ix_dq_profile_results_run ON dq_profile_results (profile_run_id, table_name, column_name);

CREATE TABLE IF NOT EXISTS dq_profile_metrics (
  profile_run_id STRING NOT NULL COMMENT 'Run that made the row',
  project_key STRING NOT NULL COMMENT 'Project of the run',
  table_id STRING NOT NULL COMMENT 'Table that was measured',
  column_id STRING COMMENT 'Column that was measured; NULL: the table',
  batch_key STRING COMMENT 'Batch that was measured; NULL: the whole table',
  window_start TIMESTAMP NOT NULL COMMENT 'Start of the batch in data time, UTC',
  window_end TIMESTAMP NOT NULL COMMENT 'End of the batch in data time, not included, UTC',
  metric STRING NOT NULL COMMENT 'Name in the metric catalogue',
  metric_version INT NOT NULL COMMENT 'Version of the definition of the metric',
  value DOUBLE COMMENT 'The number',
  value_text STRING COMMENT 'The exact value where a double would lose digits',
  rows_read BIGINT NOT NULL COMMENT 'Rows that were really read',
  quality STRING NOT NULL COMMENT 'exact, approximate, sampled',
  baseline_status STRING NOT NULL COMMENT 'learned, excluded, pending',
  data_version STRING COMMENT 'Version of the data that was read',
  CONSTRAINT fk_dq_profile_metrics_run FOREIGN KEY (profile_run_id) REFERENCES dq_profiles (profile_run_id)
)
USING DELTA
COMMENT 'Series of metrics per batch; the newest completed run of a batch counts'
CLUSTER BY (table_id, window_start);
--: CREATE INDEX IF NOT EXISTS ix_dq_profile_metrics_window ON dq_profile_metrics (table_id, window_start);
--: CREATE INDEX IF NOT EXISTS ix_dq_profile_metrics_run ON dq_profile_metrics (profile_run_id);

CREATE TABLE IF NOT EXISTS dq_profile_column_values (
  profile_run_id STRING NOT NULL COMMENT 'Run that made the row',
  project_key STRING NOT NULL COMMENT 'Project of the run',
  schema_name STRING NOT NULL COMMENT 'Schema as the engine reports it',
  table_name STRING NOT NULL COMMENT 'Table as the engine reports it',
  column_name STRING NOT NULL COMMENT 'Column as the engine reports it',
  value STRING COMMENT 'Top value, masked as the group asks',
  value_hash STRING COMMENT 'SHA-256 of the value as stored',
  frequency BIGINT NOT NULL COMMENT 'Rows with the value or in the bucket',
  relative_freq DOUBLE COMMENT 'Share of the rows that have a value',
  rank INT NOT NULL COMMENT 'Order from 1',
  bucket_label STRING COMMENT 'NULL: top value; else histogram bucket',
  bucket_lower_bound DOUBLE COMMENT 'Start of the bucket',
  bucket_upper_bound DOUBLE COMMENT 'End of the bucket',
  generated_at TIMESTAMP NOT NULL COMMENT 'started_at of the run, UTC',
  CONSTRAINT fk_dq_profile_column_values_run FOREIGN KEY (profile_run_id) REFERENCES dq_profiles (profile_run_id)
)
USING DELTA
COMMENT 'Top values and histogram buckets of the columns of a run'
CLUSTER BY (profile_run_id, table_name, column_name);
--: CREATE INDEX IF NOT EXISTS ix_dq_profile_column_values_run ON dq_profile_column_values (profile_run_id, table_name, column_name);

CREATE TABLE IF NOT EXISTS dq_profile_anomaly_types (
  anomaly_type_id INT NOT NULL COMMENT '1001 to 1031, 1100; own kinds from 2001',
  code STRING NOT NULL COMMENT 'Unique code, as in null_ratio',
  name STRING NOT NULL COMMENT 'Name for people',
  category STRING NOT NULL COMMENT 'hygiene or pii',
  default_severity STRING NOT NULL COMMENT 'info, warning, error, fatal',
  default_likelihood STRING NOT NULL COMMENT 'definite, likely, possible, potential',
  dq_dimension STRING COMMENT 'Quality dimension',
  description STRING COMMENT 'What was found',
  suggested_action STRING COMMENT 'What to do about it',
  created_at TIMESTAMP NOT NULL COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL COMMENT 'Last change, UTC',
  CONSTRAINT pk_dq_profile_anomaly_types PRIMARY KEY (anomaly_type_id)
)
USING DELTA
COMMENT 'Kinds of findings, seeded when provisioning';
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_profile_anomaly_types_code ON dq_profile_anomaly_types (code);

CREATE TABLE IF NOT EXISTS dq_profile_anomaly_results (
  anomaly_result_id STRING NOT NULL COMMENT 'UUIDv5 of run, kind, table and column',
  profile_run_id STRING NOT NULL COMMENT 'Run that found it',
  project_key STRING NOT NULL COMMENT 'Project of the run',
  table_id STRING NOT NULL COMMENT 'Table it was found in',
  column_id STRING COMMENT 'Column it was found in; NULL: the table',
  table_name STRING NOT NULL COMMENT 'Table as the engine reports it',
  column_name STRING COMMENT 'Column as the engine reports it',
  anomaly_type_id INT NOT NULL COMMENT 'Kind of finding',
  severity STRING NOT NULL COMMENT 'info, warning, error, fatal',
  likelihood STRING NOT NULL COMMENT 'definite, likely, possible, potential',
  detail STRING COMMENT 'What was found, with numbers',
  affected_rows BIGINT COMMENT 'Rows concerned',
  row_predicate STRING COMMENT 'SQL that selects the rows',
  pii_risk STRING COMMENT 'Kind of personal data',
  dq_dimension STRING COMMENT 'Quality dimension',
  detected_at TIMESTAMP NOT NULL COMMENT 'started_at of the run, UTC',
  disposition STRING COMMENT 'confirmed, dismissed, inactive',
  dismissed BOOLEAN NOT NULL DEFAULT false COMMENT 'Whether a person waved it off',
  dismissed_by STRING COMMENT 'Who did',
  dismissed_at TIMESTAMP COMMENT 'When, UTC',
  CONSTRAINT pk_dq_profile_anomaly_results PRIMARY KEY (anomaly_result_id),
  CONSTRAINT fk_dq_profile_anomaly_results_run FOREIGN KEY (profile_run_id) REFERENCES dq_profiles (profile_run_id)
)
USING DELTA
COMMENT 'Findings of the profile runs'
CLUSTER BY (profile_run_id)
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE INDEX IF NOT EXISTS ix_dq_profile_anomaly_results_run ON dq_profile_anomaly_results (profile_run_id);

CREATE TABLE IF NOT EXISTS dq_data_column_chars (
  column_id STRING NOT NULL COMMENT 'UUIDv5 of table and column',
  project_key STRING NOT NULL COMMENT 'Project of the table',
  table_id STRING NOT NULL COMMENT 'Table of the column',
  schema_name STRING NOT NULL COMMENT 'Schema as the engine reports it',
  table_name STRING NOT NULL COMMENT 'Table as the engine reports it',
  column_name STRING NOT NULL COMMENT 'Column as the engine reports it',
  data_type STRING COMMENT 'Type in the latest profile',
  functional_data_type STRING COMMENT 'What the column is used for',
  critical_data_element BOOLEAN COMMENT 'Whether the business depends on it',
  pii_risk STRING COMMENT 'Kind of personal data',
  dq_dimension STRING COMMENT 'Quality dimension',
  tags_json STRING COMMENT 'JSON: list of tags',
  dq_score_profiling DOUBLE COMMENT 'Score of the profile, 0 to 1',
  dq_score_testing DOUBLE COMMENT 'Score of the tests, 0 to 1',
  last_complete_profile_run_id STRING COMMENT 'Latest completed run',
  latest_anomaly_ct INT COMMENT 'Findings of that run',
  latest_run_completed_at TIMESTAMP COMMENT 'When that run ended, UTC',
  created_at TIMESTAMP NOT NULL COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL COMMENT 'Last change, UTC',
  CONSTRAINT pk_dq_data_column_chars PRIMARY KEY (column_id)
)
USING DELTA
COMMENT 'What is known of each column beyond a run'
CLUSTER BY (table_id);
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_data_column_chars_name ON dq_data_column_chars (table_id, column_name);

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
  CAST(get_json_object(r.percentiles_json, '$.p50') AS DOUBLE) AS median_value,
  CAST(get_json_object(r.percentiles_json, '$.p95') AS DOUBLE) AS p95_value,
  CAST(CAST(get_json_object(r.metrics_json, '$.true_count') AS DOUBLE) AS BIGINT) AS true_count,
  CAST(CAST(get_json_object(r.metrics_json, '$.false_count') AS DOUBLE) AS BIGINT) AS false_count,
  CAST(CAST(get_json_object(r.metrics_json, '$.min_length') AS DOUBLE) AS BIGINT) AS min_length,
  CAST(CAST(get_json_object(r.metrics_json, '$.max_length') AS DOUBLE) AS BIGINT) AS max_length,
  CAST(get_json_object(r.metrics_json, '$.avg_length') AS DOUBLE) AS avg_length,
  CAST(get_json_object(r.metrics_json, '$.non_ascii_ratio') AS DOUBLE) AS non_ascii_ratio,
  CASE WHEN r.general_type = 'D' THEN r.min_value END AS min_date,
  CASE WHEN r.general_type = 'D' THEN r.max_value END AS max_date,
  CAST(CAST(get_json_object(r.metrics_json, '$.min_date_days') AS DOUBLE) AS BIGINT) - CAST(CAST(get_json_object(r.metrics_json, '$.max_date_days') AS DOUBLE) AS BIGINT) AS date_span_days,
  r.metrics_json,
  r.generated_at
FROM dq_profile_results AS r
JOIN dq_profiles AS p ON p.profile_run_id = r.profile_run_id
WHERE p.status = 'completed';

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
JOIN dq_profiles AS p ON p.profile_run_id = a.profile_run_id
LEFT JOIN dq_profile_anomaly_types AS t ON t.anomaly_type_id = a.anomaly_type_id
WHERE p.status = 'completed';
