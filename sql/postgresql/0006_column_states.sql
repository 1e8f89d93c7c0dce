-- Drafted from the Databricks text by dq_assets.store.drafting, then committed: what stands here is what runs.

-- What learning needs of a column beyond its series; mergeable
CREATE TABLE IF NOT EXISTS dq_column_states (
  column_id TEXT NOT NULL, -- Column the state is of
  project_key TEXT NOT NULL, -- Project of the column
  table_id TEXT NOT NULL, -- Table of the column
  state_version INTEGER NOT NULL, -- Version of the form of state_json
  state_json JSONB NOT NULL, -- JSON: rows, values and shapes with their rows and first batch, sketch, moments; values hashed where the column is personal
  batches_digest TEXT, -- Digest of the learned batches and their versions that the state covers; NULL for a table that is one batch
  profile_run_id TEXT NOT NULL, -- Profile run that wrote it last
  updated_at TIMESTAMPTZ NOT NULL, -- Start of that run, UTC
  CONSTRAINT pk_dq_column_states PRIMARY KEY (column_id)
);

CREATE INDEX IF NOT EXISTS ix_dq_column_states_table ON dq_column_states (table_id);
