-- Drafted from the Databricks text by dq_assets.store.drafting, then committed: what stands here is what runs.

-- Suites of tests
CREATE TABLE IF NOT EXISTS dq_test_suites (
  test_suite_key TEXT NOT NULL DEFAULT 'default_suite', -- Key of the suite, unique in the project
  project_key TEXT NOT NULL, -- Project of the suite
  table_group_id TEXT NOT NULL, -- Group that the suite tests
  name TEXT NOT NULL, -- Name for people
  description TEXT, -- Free text
  severity TEXT, -- Overrides the severity of the tests
  created_at TEXT NOT NULL, -- First write, UTC
  updated_at TEXT NOT NULL, -- Last change, UTC
  CONSTRAINT pk_dq_test_suites PRIMARY KEY (project_key, test_suite_key)
);

CREATE INDEX IF NOT EXISTS ix_dq_test_suites_group ON dq_test_suites (table_group_id);

-- Rules placed on tables: the working set that runs
CREATE TABLE IF NOT EXISTS dq_tests (
  test_id TEXT NOT NULL, -- UUIDv5 of group, table, columns, rule type and filter
  project_key TEXT NOT NULL, -- Project of the test
  connection_id TEXT NOT NULL, -- Connection that is scanned
  table_group_id TEXT NOT NULL, -- Group of the table
  test_suite_key TEXT NOT NULL DEFAULT 'default_suite', -- Suite of the test
  name TEXT NOT NULL, -- Name, unique in connection and suite
  rule_type TEXT NOT NULL, -- Entry of the rule catalogue
  definition TEXT NOT NULL, -- JSON: rule_type, columns, parameters, filter
  target_type TEXT NOT NULL, -- table or column
  schema_name TEXT, -- Schema as the engine reports it
  table_name TEXT NOT NULL, -- Table as the engine reports it
  column_name TEXT, -- The single column; NULL: table or several columns
  dimension TEXT, -- Quality dimension or monitor
  severity TEXT NOT NULL DEFAULT 'error', -- info, warning, error, fatal
  thresholds_json TEXT, -- JSON: warning, error and fatal bounds of the one measure
  enabled BOOLEAN NOT NULL DEFAULT TRUE, -- False: kept for its history, not run
  muted_until TEXT, -- No alerts before, UTC
  locked BOOLEAN NOT NULL DEFAULT FALSE, -- True: learning leaves it alone
  origin TEXT NOT NULL, -- generated, manual, contract, ai
  fingerprint TEXT, -- SHA-256 of parameters and thresholds; a new one is a new version
  tags TEXT NOT NULL DEFAULT '[]', -- JSON: list of tags
  data_product_id VARCHAR(255), -- Data product the test belongs to
  description TEXT, -- Free text
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')), -- First write, UTC
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')), -- Last change, UTC
  CONSTRAINT pk_dq_tests PRIMARY KEY (test_id),
  CONSTRAINT fk_dq_tests_connection FOREIGN KEY (connection_id) REFERENCES dq_connections (connection_id),
  CONSTRAINT fk_dq_tests_group FOREIGN KEY (table_group_id) REFERENCES dq_table_groups (table_group_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_tests_name ON dq_tests (connection_id, test_suite_key, name);

CREATE INDEX IF NOT EXISTS ix_dq_tests_group ON dq_tests (table_group_id);

CREATE INDEX IF NOT EXISTS ix_dq_tests_target ON dq_tests (schema_name, table_name);

CREATE INDEX IF NOT EXISTS ix_dq_tests_rule_type ON dq_tests (rule_type);

CREATE INDEX IF NOT EXISTS ix_dq_tests_enabled ON dq_tests (enabled) WHERE enabled;

CREATE INDEX IF NOT EXISTS ix_dq_tests_data_product ON dq_tests (data_product_id) WHERE data_product_id IS NOT NULL;

-- Append-only bounds of the tests; every result names its version
CREATE TABLE IF NOT EXISTS dq_test_versions (
  test_id TEXT NOT NULL, -- Test
  version INTEGER NOT NULL, -- Counts from 1
  thresholds_json TEXT NOT NULL, -- JSON: the bounds of this version
  evidence_json TEXT, -- JSON: parameters of this version and the evidence for its bounds
  model_version TEXT, -- What computed the bounds
  valid_from TEXT NOT NULL, -- From when it is used, UTC
  project_key TEXT NOT NULL, -- Project of the test
  CONSTRAINT pk_dq_test_versions PRIMARY KEY (test_id, version)
);

-- Runs of the suites
CREATE TABLE IF NOT EXISTS dq_test_runs (
  test_run_id TEXT NOT NULL, -- UUIDv5 of what made the run; a retry is the same run
  test_suite_key TEXT NOT NULL, -- Suite that was run
  project_key TEXT NOT NULL, -- Project of the suite
  test_id TEXT, -- Set when one test was run
  requested_by TEXT, -- Who asked for it
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')), -- When it was queued, UTC
  status TEXT NOT NULL DEFAULT 'queued', -- queued, running, completed, failed, cancelled
  started_at TEXT, -- Start of the first attempt, UTC
  completed_at TEXT, -- End of the last attempt, UTC
  duration_ms BIGINT, -- Time of the last attempt
  total_tests INTEGER, -- Results
  failed_tests INTEGER, -- Results that failed
  warning_tests INTEGER, -- Results that warned
  error_tests INTEGER, -- Results that could not be evaluated
  skipped_tests INTEGER, -- Results that were skipped
  as_of TEXT, -- The moment the run speaks of, UTC
  trigger_source VARCHAR(50) NOT NULL DEFAULT 'api', -- manual, schedule, ingestion, activation, api, webhook
  schedule_id TEXT, -- Schedule that started it
  dagster_run_id TEXT, -- Dagster run that did the work
  error_message TEXT, -- Why it failed
  CONSTRAINT pk_dq_test_runs PRIMARY KEY (test_run_id),
  CONSTRAINT fk_dq_test_runs_project FOREIGN KEY (project_key) REFERENCES dq_projects (project_key)
);

CREATE INDEX IF NOT EXISTS ix_dq_test_runs_suite ON dq_test_runs (project_key, test_suite_key, as_of DESC);

CREATE INDEX IF NOT EXISTS ix_dq_test_runs_test ON dq_test_runs (test_id, created_at DESC);

CREATE INDEX IF NOT EXISTS ix_dq_test_runs_status ON dq_test_runs (status) WHERE status IN ('queued', 'running');

-- Outcome of each test on each batch
CREATE TABLE IF NOT EXISTS dq_test_results (
  test_result_id TEXT NOT NULL, -- UUIDv5 of run, test and batch
  batch_key TEXT, -- Batch that was judged; NULL: the whole table
  window_start TEXT, -- Start of the batch in data time, UTC
  window_end TEXT, -- End of the batch in data time, not included, UTC
  data_version TEXT, -- Version of the data that was read
  test_version INTEGER NOT NULL, -- Version of the test whose bounds were used
  test_run_id TEXT NOT NULL, -- Run that made the row
  test_id TEXT NOT NULL, -- Test
  project_key TEXT NOT NULL, -- Project of the run
  table_name TEXT NOT NULL, -- Table as the engine reports it
  column_name TEXT, -- Column as the engine reports it
  result_status TEXT NOT NULL, -- pass, warn, fail, error, skipped, learning
  measure_value TEXT, -- Exact measure
  sensor_value REAL, -- Measure as a double
  rule_passed BOOLEAN, -- True: pass; false: warn or fail; NULL: not judged
  error_message TEXT, -- Why it could not be evaluated
  expected_value TEXT, -- What the bounds allow
  actual_value TEXT, -- What was measured
  message TEXT, -- The outcome in a sentence
  severity TEXT, -- Severity of the worst broken bound
  failed_rows BIGINT, -- Rows that failed
  rows_tested BIGINT, -- Rows that were tested
  execution_time_ms BIGINT, -- Time it took
  detected_at TEXT NOT NULL, -- started_at of the run, UTC
  CONSTRAINT pk_dq_test_results PRIMARY KEY (test_result_id),
  CONSTRAINT fk_dq_test_results_run FOREIGN KEY (test_run_id) REFERENCES dq_test_runs (test_run_id),
  CONSTRAINT fk_dq_test_results_test FOREIGN KEY (test_id) REFERENCES dq_tests (test_id)
);

CREATE INDEX IF NOT EXISTS ix_dq_test_results_test ON dq_test_results (test_id, detected_at DESC);

CREATE INDEX IF NOT EXISTS ix_dq_test_results_failed ON dq_test_results (test_id, detected_at DESC) WHERE NOT rule_passed;

CREATE INDEX IF NOT EXISTS ix_dq_test_results_run ON dq_test_results (test_run_id);

-- Capped sample of failing rows
CREATE TABLE IF NOT EXISTS dq_test_failed_rows (
  test_result_id TEXT NOT NULL, -- Result the row failed in
  project_key TEXT NOT NULL, -- Project of the run
  row_number INTEGER NOT NULL, -- Order in the sample from 1
  row_json TEXT NOT NULL, -- JSON: the row, masked as the group asks
  captured_at TEXT NOT NULL, -- detected_at of the result, UTC
  CONSTRAINT pk_dq_test_failed_rows PRIMARY KEY (test_result_id, row_number)
);
