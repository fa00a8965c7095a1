-- One row per trigger that was ever evaluated: (name). What was before does not count.
CREATE TABLE trigger_record (
  name VARCHAR,
  first_seen_at TIMESTAMPTZ
);

-- One row per thing that a trigger has taken note of: (trigger, upstream, occurrence).
CREATE TABLE trigger_occurrence_record (
  trigger VARCHAR,
  upstream VARCHAR[],
  occurrence VARCHAR,
  occurred_at TIMESTAMPTZ,
  firing VARCHAR
);

-- One row per time that a trigger started a run: (id).
CREATE TABLE firing_record (
  id VARCHAR,
  trigger VARCHAR,
  instance VARCHAR,
  pipeline VARCHAR,
  fired_at TIMESTAMPTZ,
  state VARCHAR,
  parameters JSON,
  reason VARCHAR,
  run_id VARCHAR,
  followed_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  message VARCHAR
);

CREATE VIEW firings AS
SELECT
  f.id,
  f.trigger,
  f.instance || '/' || f.pipeline AS pipeline,
  f.fired_at,
  f.state,
  f.parameters,
  f.reason,
  f.run_id,
  f.ended_at,
  f.message
FROM firing_record AS f;

COMMENT ON VIEW firings IS 'A row is a time that a trigger started a run, or would have.';
COMMENT ON COLUMN firings.id IS 'Names it; the run in the orchestrator is made of it.';
COMMENT ON COLUMN firings.trigger IS 'The name of the trigger in meta_orch.yaml.';
COMMENT ON COLUMN firings.pipeline IS 'What it started: the pipeline, as INSTANCE/NAME.';
COMMENT ON COLUMN firings.fired_at IS 'When.';
COMMENT ON COLUMN firings.state IS 'planned, started, succeeded, failed, canceled, refused or dry run.';
COMMENT ON COLUMN firings.parameters IS 'What the run was given, a JSON object.';
COMMENT ON COLUMN firings.reason IS 'What happened upstream.';
COMMENT ON COLUMN firings.run_id IS 'The run that was started.';
COMMENT ON COLUMN firings.ended_at IS 'When that was seen to have ended.';
COMMENT ON COLUMN firings.message IS 'Why it failed or was refused.';
