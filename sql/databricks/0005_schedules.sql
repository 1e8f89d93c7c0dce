-- Schedules that people change at run time. Names are unqualified: the runner selects catalog and schema before the first statement.

CREATE TABLE IF NOT EXISTS dq_schedules (
  schedule_id STRING NOT NULL COMMENT 'UUIDv5 of project and target',
  project_key STRING NOT NULL COMMENT 'Project of the target',
  target_type STRING NOT NULL COMMENT 'table_group (learns), test_suite (validates), test (validates that test)',
  target_id STRING NOT NULL COMMENT 'Id of the table group or test; of a suite the UUIDv5 of its key',
  cron_expression STRING NOT NULL COMMENT 'Five fields, as in 0 6 * * *',
  timezone STRING NOT NULL DEFAULT 'UTC' COMMENT 'IANA name of the zone in which the expression is read',
  enabled BOOLEAN NOT NULL DEFAULT true COMMENT 'False: kept, fires nothing',
  last_run_at TIMESTAMP COMMENT 'Instant of its last fire, UTC; mirrors the cursor of the sensor',
  next_run_at TIMESTAMP COMMENT 'Instant of its next fire, UTC; NULL while it is not enabled',
  last_run_id STRING COMMENT 'Profile run or test run of its last fire',
  created_at TIMESTAMP NOT NULL COMMENT 'First write, UTC',
  updated_at TIMESTAMP NOT NULL COMMENT 'Last change by a person, UTC: it fires at instants after that',
  CONSTRAINT pk_dq_schedules PRIMARY KEY (schedule_id)
)
USING DELTA
COMMENT 'When learning and validation start by themselves'
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_schedules_target ON dq_schedules (target_type, target_id);
--: CREATE INDEX IF NOT EXISTS ix_dq_schedules_project ON dq_schedules (project_key, next_run_at);
