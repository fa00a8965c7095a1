-- One row per instance: (instance). How the last comparison with its server went.
CREATE TABLE reconciliation_record (
  instance VARCHAR,
  compared_at TIMESTAMPTZ,
  next_pipeline VARCHAR
);
