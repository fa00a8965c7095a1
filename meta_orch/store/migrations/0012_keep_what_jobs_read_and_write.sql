-- What OpenLineage events tell: jobs (their names, the job's own first) and the data that they use.
CREATE TABLE dataset_use_record (
  source VARCHAR,
  jobs STRUCT("namespace" VARCHAR, "name" VARCHAR)[],
  uri VARCHAR,
  is_written BOOLEAN,
  first_seen_at TIMESTAMPTZ,
  last_seen_at TIMESTAMPTZ
);

-- Where the next reading of a source of events goes on.
CREATE TABLE lineage_source_record (source VARCHAR, cursor VARCHAR, read_at TIMESTAMPTZ);

CREATE VIEW dataset_uses AS
SELECT
  source,
  jobs[1].namespace AS namespace,
  jobs[1].name AS job,
  uri,
  is_written,
  first_seen_at,
  last_seen_at
FROM dataset_use_record;

COMMENT ON VIEW dataset_uses IS 'A row is a dataset that a job was seen to read, or to write, as OpenLineage events tell it.';
COMMENT ON COLUMN dataset_uses.source IS 'The file or server that tells it, as in meta_orch.yaml.';
COMMENT ON COLUMN dataset_uses.namespace IS 'The namespace of the job.';
COMMENT ON COLUMN dataset_uses.job IS 'The name of the job: often of a task within a pipeline.';
COMMENT ON COLUMN dataset_uses.uri IS 'Where the data lies.';
COMMENT ON COLUMN dataset_uses.is_written IS 'Whether the job writes it; otherwise it reads it.';
COMMENT ON COLUMN dataset_uses.first_seen_at IS 'When the first event that tells it was read.';
COMMENT ON COLUMN dataset_uses.last_seen_at IS 'When the last one was.';
