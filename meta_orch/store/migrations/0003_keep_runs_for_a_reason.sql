-- One row per run and reason to keep it beyond the retention: (instance, pipeline, run_id, reason).
CREATE TABLE kept_run_record (
  instance VARCHAR,
  pipeline VARCHAR,
  run_id VARCHAR,
  reason VARCHAR,
  since TIMESTAMPTZ
);

CREATE VIEW kept_runs AS
SELECT instance, pipeline, run_id, reason, since
FROM kept_run_record;

COMMENT ON VIEW kept_runs IS 'A row is a reason to keep a run however old it is.';
COMMENT ON COLUMN kept_runs.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN kept_runs.pipeline IS 'The pipeline of the run.';
COMMENT ON COLUMN kept_runs.run_id IS 'The run.';
COMMENT ON COLUMN kept_runs.reason IS 'What needs it: an open incident, a comparison of two orchestrators.';
COMMENT ON COLUMN kept_runs.since IS 'When it was first needed.';
