-- Drafted from the Databricks text by dq_assets.store.drafting, then committed: what stands here is what runs.

-- What somebody should look at
CREATE TABLE IF NOT EXISTS dq_alerts (
  alert_id TEXT NOT NULL, -- UUIDv5 under the run
  project_key TEXT NOT NULL, -- Project of the run
  source_type TEXT NOT NULL, -- profile_anomaly, test_failure, run_failure
  source_ref TEXT NOT NULL, -- Id of the run, result or finding
  incident_id TEXT, -- Incident the alert belongs to
  severity TEXT NOT NULL, -- info, warning, error, fatal
  title TEXT NOT NULL, -- One line
  details TEXT, -- Longer text
  acknowledged BOOLEAN NOT NULL DEFAULT FALSE, -- Whether a person has seen it
  acknowledged_by TEXT, -- Who has
  acknowledged_at TEXT, -- When, UTC
  created_at TEXT NOT NULL, -- When it was raised, UTC
  CONSTRAINT pk_dq_alerts PRIMARY KEY (alert_id)
);

CREATE INDEX IF NOT EXISTS ix_dq_alerts_project ON dq_alerts (project_key, created_at DESC);

CREATE INDEX IF NOT EXISTS ix_dq_alerts_source ON dq_alerts (source_type, source_ref);
