-- Alerts. Names are unqualified: the runner selects catalog and schema before the first statement.

CREATE TABLE IF NOT EXISTS dq_alerts (
  alert_id STRING NOT NULL COMMENT 'UUIDv5 under the run',
  project_key STRING NOT NULL COMMENT 'Project of the run',
  source_type STRING NOT NULL COMMENT 'profile_anomaly, test_failure, run_failure',
  source_ref STRING NOT NULL COMMENT 'Id of the run, result or finding',
  incident_id STRING COMMENT 'Incident the alert belongs to',
  severity STRING NOT NULL COMMENT 'info, warning, error, fatal',
  title STRING NOT NULL COMMENT 'One line',
  details STRING COMMENT 'Longer text',
  acknowledged BOOLEAN NOT NULL DEFAULT false COMMENT 'Whether a person has seen it',
  acknowledged_by STRING COMMENT 'Who has',
  acknowledged_at TIMESTAMP COMMENT 'When, UTC',
  created_at TIMESTAMP NOT NULL COMMENT 'When it was raised, UTC',
  CONSTRAINT pk_dq_alerts PRIMARY KEY (alert_id)
)
USING DELTA
COMMENT 'What somebody should look at'
CLUSTER BY (project_key, created_at)
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported');
--: CREATE INDEX IF NOT EXISTS ix_dq_alerts_project ON dq_alerts (project_key, created_at DESC);
--: CREATE INDEX IF NOT EXISTS ix_dq_alerts_source ON dq_alerts (source_type, source_ref);
