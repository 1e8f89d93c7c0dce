-- Test suites, tests, their versions, runs and results. Names are unqualified: the runner selects catalog and schema before the first statement.
-- Rows of a run count once dq_test_runs.status is completed, which is written last.

CREATE TABLE IF NOT EXISTS dq_test_suites (
  test_suite_key STRING NOT NULL DEFAULT 'default_suite' COMMENT 'Key of the suite, unique in the project',
  project_key STRING NOT NULL COMMENT 'Project of the suite',
  table_group_id STRING NOT NULL COMMENT 'Group that the suite tests',
  name STRING NOT NULL COMMENT 'Name for people',
  description STRING COMMENT 'Free text',
  severity STRING COMMENT 'Overrides the severity of the tests',
  created_at TIMESTAMP NOT NULL COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL COMMENT 'Last change, UTC',
  CONSTRAINT pk_dq_test_suites PRIMARY KEY (project_key, test_suite_key)
)
USING DELTA
COMMENT 'Suites of tests'
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE INDEX IF NOT EXISTS ix_dq_test_suites_group ON dq_test_suites (table_group_id);

CREATE TABLE IF NOT EXISTS dq_tests (
  test_id STRING NOT NULL COMMENT 'UUIDv5 of group, table, columns, rule type and filter',
  project_key STRING NOT NULL COMMENT 'Project of the test',
  connection_id STRING NOT NULL COMMENT 'Connection that is scanned',
  table_group_id STRING NOT NULL COMMENT 'Group of the table',
  test_suite_key STRING NOT NULL DEFAULT 'default_suite' COMMENT 'Suite of the test',
  name STRING NOT NULL COMMENT 'Name, unique in connection and suite',
  rule_type STRING NOT NULL COMMENT 'Entry of the rule catalogue',
  definition STRING NOT NULL COMMENT 'JSON: rule_type, columns, parameters, filter',
  target_type STRING NOT NULL COMMENT 'table or column',
  schema_name STRING COMMENT 'Schema as the engine reports it',
  table_name STRING NOT NULL COMMENT 'Table as the engine reports it',
  column_name STRING COMMENT 'The single column; NULL: table or several columns',
  dimension STRING COMMENT 'Quality dimension or monitor',
  severity STRING NOT NULL DEFAULT 'error' COMMENT 'info, warning, error, fatal',
  thresholds_json STRING COMMENT 'JSON: warning, error and fatal bounds of the one measure',
  enabled BOOLEAN NOT NULL DEFAULT true COMMENT 'False: kept for its history, not run',
  muted_until TIMESTAMP COMMENT 'No alerts before, UTC',
  locked BOOLEAN NOT NULL DEFAULT false COMMENT 'True: learning leaves it alone',
  origin STRING NOT NULL COMMENT 'generated, manual, contract, ai',
  fingerprint STRING COMMENT 'SHA-256 of parameters and thresholds; a new one is a new version',
  tags STRING NOT NULL DEFAULT '[]' COMMENT 'JSON: list of tags',
  data_product_id VARCHAR(255) COMMENT 'Data product the test belongs to',
  description STRING COMMENT 'Free text',
  created_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'Last change, UTC',
  CONSTRAINT pk_dq_tests PRIMARY KEY (test_id),
  CONSTRAINT fk_dq_tests_connection FOREIGN KEY (connection_id) REFERENCES dq_connections (connection_id),
  CONSTRAINT fk_dq_tests_group FOREIGN KEY (table_group_id) REFERENCES dq_table_groups (table_group_id)
)
USING DELTA
COMMENT 'Rules placed on tables: the working set that runs'
CLUSTER BY (table_group_id)
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_tests_name ON dq_tests (connection_id, test_suite_key, name);
--: CREATE INDEX IF NOT EXISTS ix_dq_tests_group ON dq_tests (table_group_id);
--: CREATE INDEX IF NOT EXISTS ix_dq_tests_target ON dq_tests (schema_name, table_name);
--: CREATE INDEX IF NOT EXISTS ix_dq_tests_rule_type ON dq_tests (rule_type);
--: CREATE INDEX IF NOT EXISTS ix_dq_tests_enabled ON dq_tests (enabled) WHERE enabled;
--: CREATE INDEX IF NOT EXISTS ix_dq_tests_data_product ON dq_tests (data_product_id) WHERE data_product_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS dq_test_versions (
  test_id STRING NOT NULL COMMENT 'Test',
  version INT NOT NULL COMMENT 'Counts from 1',
  thresholds_json STRING NOT NULL COMMENT 'JSON: the bounds of this version',
  evidence_json STRING COMMENT 'JSON: parameters of this version and the evidence for its bounds',
  model_version STRING COMMENT 'What computed the bounds',
  valid_from TIMESTAMP NOT NULL COMMENT 'From when it is used, UTC',
  project_key STRING NOT NULL COMMENT 'Project of the test',
  CONSTRAINT pk_dq_test_versions PRIMARY KEY (test_id, version)
)
USING DELTA
COMMENT 'Append-only bounds of the tests; every result names its version';

CREATE TABLE IF NOT EXISTS dq_test_runs (
  test_run_id STRING NOT NULL COMMENT 'UUIDv5 of what made the run; a retry is the same run',
  test_suite_key STRING NOT NULL COMMENT 'Suite that was run',
  project_key STRING NOT NULL COMMENT 'Project of the suite',
  test_id STRING COMMENT 'Set when one test was run',
  requested_by STRING COMMENT 'Who asked for it',
  created_at TIMESTAMP NOT NULL DEFAULT current_timestamp() COMMENT 'When it was queued, UTC',
  status STRING NOT NULL DEFAULT 'queued' COMMENT 'queued, running, completed, failed, cancelled',
  started_at TIMESTAMP COMMENT 'Start of the first attempt, UTC',
  completed_at TIMESTAMP COMMENT 'End of the last attempt, UTC',
  duration_ms BIGINT COMMENT 'Time of the last attempt',
  total_tests INT COMMENT 'Results',
  failed_tests INT COMMENT 'Results that failed',
  warning_tests INT COMMENT 'Results that warned',
  error_tests INT COMMENT 'Results that could not be evaluated',
  skipped_tests INT COMMENT 'Results that were skipped',
  as_of TIMESTAMP COMMENT 'The moment the run speaks of, UTC',
  trigger_source VARCHAR(50) NOT NULL DEFAULT 'api' COMMENT 'manual, schedule, ingestion, activation, api, webhook',
  schedule_id STRING COMMENT 'Schedule that started it',
  dagster_run_id STRING COMMENT 'Dagster run that did the work',
  error_message STRING COMMENT 'Why it failed',
  CONSTRAINT pk_dq_test_runs PRIMARY KEY (test_run_id),
  CONSTRAINT fk_dq_test_runs_project FOREIGN KEY (project_key) REFERENCES dq_projects (project_key)
)
USING DELTA
COMMENT 'Runs of the suites'
CLUSTER BY (test_suite_key, started_at)
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE INDEX IF NOT EXISTS ix_dq_test_runs_suite ON dq_test_runs (project_key, test_suite_key, as_of DESC);
--: CREATE INDEX IF NOT EXISTS ix_dq_test_runs_test ON dq_test_runs (test_id, created_at DESC);
--: CREATE INDEX IF NOT EXISTS ix_dq_test_runs_status ON dq_test_runs (status) WHERE status IN ('queued', 'running');

CREATE TABLE IF NOT EXISTS dq_test_results (
  test_result_id STRING NOT NULL COMMENT 'UUIDv5 of run, test and batch',
  batch_key STRING COMMENT 'Batch that was judged; NULL: the whole table',
  window_start TIMESTAMP COMMENT 'Start of the batch in data time, UTC',
  window_end TIMESTAMP COMMENT 'End of the batch in data time, not included, UTC',
  data_version STRING COMMENT 'Version of the data that was read',
  test_version INT NOT NULL COMMENT 'Version of the test whose bounds were used',
  test_run_id STRING NOT NULL COMMENT 'Run that made the row',
  test_id STRING NOT NULL COMMENT 'Test',
  project_key STRING NOT NULL COMMENT 'Project of the run',
  table_name STRING NOT NULL COMMENT 'Table as the engine reports it',
  column_name STRING COMMENT 'Column as the engine reports it',
  result_status STRING NOT NULL COMMENT 'pass, warn, fail, error, skipped, learning',
  measure_value STRING COMMENT 'Exact measure',
  sensor_value DOUBLE COMMENT 'Measure as a double',
  rule_passed BOOLEAN COMMENT 'True: pass; false: warn or fail; NULL: not judged',
  error_message STRING COMMENT 'Why it could not be evaluated',
  expected_value STRING COMMENT 'What the bounds allow',
  actual_value STRING COMMENT 'What was measured',
  message STRING COMMENT 'The outcome in a sentence',
  severity STRING COMMENT 'Severity of the worst broken bound',
  failed_rows BIGINT COMMENT 'Rows that failed',
  rows_tested BIGINT COMMENT 'Rows that were tested',
  execution_time_ms BIGINT COMMENT 'Time it took',
  detected_at TIMESTAMP NOT NULL COMMENT 'started_at of the run, UTC',
  CONSTRAINT pk_dq_test_results PRIMARY KEY (test_result_id),
  CONSTRAINT fk_dq_test_results_run FOREIGN KEY (test_run_id) REFERENCES dq_test_runs (test_run_id),
  CONSTRAINT fk_dq_test_results_test FOREIGN KEY (test_id) REFERENCES dq_tests (test_id)
)
USING DELTA
COMMENT 'Outcome of each test on each batch'
CLUSTER BY (test_id, detected_at);
--: CREATE INDEX IF NOT EXISTS ix_dq_test_results_test ON dq_test_results (test_id, detected_at DESC);
--: CREATE INDEX IF NOT EXISTS ix_dq_test_results_failed ON dq_test_results (test_id, detected_at DESC) WHERE NOT rule_passed;
--: CREATE INDEX IF NOT EXISTS ix_dq_test_results_run ON dq_test_results (test_run_id);

CREATE TABLE IF NOT EXISTS dq_test_failed_rows (
  test_result_id STRING NOT NULL COMMENT 'Result the row failed in',
  project_key STRING NOT NULL COMMENT 'Project of the run',
  row_number INT NOT NULL COMMENT 'Order in the sample from 1',
  row_json STRING NOT NULL COMMENT 'JSON: the row, masked as the group asks',
  captured_at TIMESTAMP NOT NULL COMMENT 'detected_at of the result, UTC',
  CONSTRAINT pk_dq_test_failed_rows PRIMARY KEY (test_result_id, row_number)
)
USING DELTA
COMMENT 'Capped sample of failing rows'
CLUSTER BY (test_result_id);
