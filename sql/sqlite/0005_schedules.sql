-- Drafted from the Databricks text by dq_assets.store.drafting, then committed: what stands here is what runs.

-- When learning and validation start by themselves
CREATE TABLE IF NOT EXISTS dq_schedules (
  schedule_id TEXT NOT NULL, -- UUIDv5 of project and target
  project_key TEXT NOT NULL, -- Project of the target
  target_type TEXT NOT NULL, -- table_group (learns), test_suite (validates), test (validates that test)
  target_id TEXT NOT NULL, -- Id of the table group or test; of a suite the UUIDv5 of its key
  cron_expression TEXT NOT NULL, -- Five fields, as in 0 6 * * *
  timezone TEXT NOT NULL DEFAULT 'UTC', -- IANA name of the zone in which the expression is read
  enabled BOOLEAN NOT NULL DEFAULT TRUE, -- False: kept, fires nothing
  last_run_at TEXT, -- Instant of its last fire, UTC; mirrors the cursor of the sensor
  next_run_at TEXT, -- Instant of its next fire, UTC; NULL while it is not enabled
  last_run_id TEXT, -- Profile run or test run of its last fire
  created_at TEXT NOT NULL, -- First write, UTC
  updated_at TEXT NOT NULL, -- Last change by a person, UTC: it fires at instants after that
  CONSTRAINT pk_dq_schedules PRIMARY KEY (schedule_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS uq_dq_schedules_target ON dq_schedules (target_type, target_id);

CREATE INDEX IF NOT EXISTS ix_dq_schedules_project ON dq_schedules (project_key, next_run_at);
