-- One row per thing done to a pipeline in its orchestrator, or that would have been: (id).
CREATE TABLE action_record (
  id VARCHAR,
  instance VARCHAR,
  pipeline VARCHAR,
  kind VARCHAR,
  reason VARCHAR,
  done_by VARCHAR,
  done_through VARCHAR,
  acted_at TIMESTAMPTZ,
  outcome VARCHAR,
  before VARCHAR,
  after VARCHAR,
  message VARCHAR,
  undoes VARCHAR
);

-- One row per time that a pipeline was kept from running until its upstreams were ready: (id).
CREATE TABLE hold_record (
  id VARCHAR,
  instance VARCHAR,
  pipeline VARCHAR,
  due_at TIMESTAMPTZ,
  owner VARCHAR,
  reason VARCHAR,
  begun_at TIMESTAMPTZ,
  expires_at TIMESTAMPTZ,
  state VARCHAR,
  is_dry_run BOOLEAN,
  ended_at TIMESTAMPTZ,
  ended_because VARCHAR
);

CREATE VIEW actions AS
SELECT
  id, instance || '/' || pipeline AS pipeline, kind, reason, done_by, done_through, acted_at, outcome,
  before, after, message, undoes
FROM action_record;

CREATE VIEW holds AS
SELECT
  id, instance || '/' || pipeline AS pipeline, due_at, owner, reason, begun_at, expires_at, state,
  is_dry_run, ended_at, ended_because
FROM hold_record;

COMMENT ON VIEW actions IS 'A row is a thing done to a pipeline in its orchestrator, or that a dry run would have done.';
COMMENT ON COLUMN actions.id IS 'Names it, for `meta-orch undo`.';
COMMENT ON COLUMN actions.pipeline IS 'On what: the pipeline, as INSTANCE/NAME.';
COMMENT ON COLUMN actions.kind IS 'What: pause, resume, start run, cancel run or skip tick.';
COMMENT ON COLUMN actions.reason IS 'Why.';
COMMENT ON COLUMN actions.done_by IS 'Who wanted it: a person, gate, or a trigger.';
COMMENT ON COLUMN actions.done_through IS 'What did it: a sensor, a Dagster run, or a command.';
COMMENT ON COLUMN actions.acted_at IS 'When.';
COMMENT ON COLUMN actions.outcome IS 'begun (and, where it stays so, what did it died meanwhile), done, failed or dry run.';
COMMENT ON COLUMN actions.before IS 'What the pipeline was: active or paused.';
COMMENT ON COLUMN actions.after IS 'What it became: active, paused, or the run that was started.';
COMMENT ON COLUMN actions.message IS 'Why it failed.';
COMMENT ON COLUMN actions.undoes IS 'The id of the action that it took back.';
COMMENT ON VIEW holds IS 'A row is a time that a pipeline was kept from running until its upstreams were ready.';
COMMENT ON COLUMN holds.id IS 'Names it.';
COMMENT ON COLUMN holds.pipeline IS 'The pipeline, as INSTANCE/NAME.';
COMMENT ON COLUMN holds.due_at IS 'What the run was due for that did not begin then.';
COMMENT ON COLUMN holds.owner IS 'Who holds it.';
COMMENT ON COLUMN holds.reason IS 'Why: the upstreams that were not ready.';
COMMENT ON COLUMN holds.begun_at IS 'Since when.';
COMMENT ON COLUMN holds.expires_at IS 'When it ends at the latest.';
COMMENT ON COLUMN holds.state IS 'planned (about to be paused), held, released, skipped (its run did not take place), expired, ended by hand, or refused by the orchestrator.';
COMMENT ON COLUMN holds.is_dry_run IS 'Whether nothing was paused.';
COMMENT ON COLUMN holds.ended_at IS 'When it ended.';
COMMENT ON COLUMN holds.ended_because IS 'Why it ended.';
