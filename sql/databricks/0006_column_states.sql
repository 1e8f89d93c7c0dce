-- What learning remembers of each column. Names are unqualified: the runner selects catalog and schema before the first statement.

CREATE TABLE IF NOT EXISTS dq_column_states (
  column_id STRING NOT NULL COMMENT 'Column the state is of',
  project_key STRING NOT NULL COMMENT 'Project of the column',
  table_id STRING NOT NULL COMMENT 'Table of the column',
  state_version INT NOT NULL COMMENT 'Version of the form of state_json',
  state_json STRING NOT NULL COMMENT 'JSON: rows, values and shapes with their rows and first batch, sketch, moments; values hashed where the column is personal',
  batches_digest STRING COMMENT 'Digest of the learned batches and their versions that the state covers; NULL for a table that is one batch',
  profile_run_id STRING NOT NULL COMMENT 'Profile run that wrote it last',
  updated_at TIMESTAMP NOT NULL COMMENT 'Start of that run, UTC',
  CONSTRAINT pk_dq_column_states PRIMARY KEY (column_id)
)
USING DELTA
CLUSTER BY (table_id)
COMMENT 'What learning needs of a column beyond its series; mergeable';
--: CREATE INDEX IF NOT EXISTS ix_dq_column_states_table ON dq_column_states (table_id);
