-- Where pipelines wanted, or will want, more of a resource than there is: (resource, since).
CREATE TABLE conflict_record (
  resource VARCHAR,
  is_coming BOOLEAN,
  since TIMESTAMPTZ,
  until TIMESTAMPTZ,
  capacity DOUBLE,
  peak DOUBLE,
  harm_unit_seconds DOUBLE,
  instances VARCHAR[],
  pipelines VARCHAR[],
  computed_at TIMESTAMPTZ
);

-- A plan of other start minutes for what uses a resource: (resource).
CREATE TABLE stagger_plan_record (
  resource VARCHAR,
  capacity DOUBLE,
  movable BIGINT,
  fixed BIGINT,
  peak_before DOUBLE,
  peak_after DOUBLE,
  peak_bound DOUBLE,
  method VARCHAR,
  history_peak_before DOUBLE,
  history_peak_after DOUBLE,
  history_queued_unit_seconds_before DOUBLE,
  history_queued_unit_seconds_after DOUBLE,
  history_missed_before BIGINT,
  history_missed_after BIGINT,
  moves STRUCT(
    instance VARCHAR,
    pipeline VARCHAR,
    minutes BIGINT,
    slack_minutes BIGINT,
    cron VARCHAR,
    new_cron VARCHAR,
    timezone VARCHAR
  )[],
  computed_at TIMESTAMPTZ
);

CREATE VIEW conflicts AS
SELECT
  resource,
  is_coming,
  since,
  until,
  capacity,
  peak,
  harm_unit_seconds,
  instances,
  pipelines,
  computed_at
FROM conflict_record;

COMMENT ON VIEW conflicts IS 'A row is a time in which pipelines wanted more of a resource in meta_orch.yaml than there is, or will by their schedules. Worked out each night, by the asset meta_orch/conflicts.';
COMMENT ON COLUMN conflicts.resource IS 'The name in meta_orch.yaml.';
COMMENT ON COLUMN conflicts.is_coming IS 'Whether it is expected; otherwise it was recorded.';
COMMENT ON COLUMN conflicts.since IS 'When it begins.';
COMMENT ON COLUMN conflicts.until IS 'When it ends.';
COMMENT ON COLUMN conflicts.capacity IS 'How many units there are.';
COMMENT ON COLUMN conflicts.peak IS 'The most units that were wanted at once.';
COMMENT ON COLUMN conflicts.harm_unit_seconds IS 'Units wanted above the capacity, times seconds.';
COMMENT ON COLUMN conflicts.instances IS 'A list of the orchestrators that compete.';
COMMENT ON COLUMN conflicts.pipelines IS 'A list of the pipelines that want it, as INSTANCE/NAME, the one that wants most first.';
COMMENT ON COLUMN conflicts.computed_at IS 'When it was worked out.';

CREATE VIEW stagger_plans AS
SELECT
  resource,
  capacity,
  movable,
  fixed,
  len(moves) AS moved,
  peak_before,
  peak_after,
  peak_bound,
  method,
  history_peak_before,
  history_peak_after,
  history_queued_unit_seconds_before,
  history_queued_unit_seconds_after,
  history_missed_before,
  history_missed_after,
  computed_at
FROM stagger_plan_record;

COMMENT ON VIEW stagger_plans IS 'A row is a resource in meta_orch.yaml: what other start minutes would bring. Worked out each night, by the asset meta_orch/conflicts.';
COMMENT ON COLUMN stagger_plans.resource IS 'The name in meta_orch.yaml.';
COMMENT ON COLUMN stagger_plans.capacity IS 'How many units there are.';
COMMENT ON COLUMN stagger_plans.movable IS 'How many of the pipelines that use it may begin later.';
COMMENT ON COLUMN stagger_plans.fixed IS 'How many may not.';
COMMENT ON COLUMN stagger_plans.moved IS 'How many would; they are in the view stagger_moves.';
COMMENT ON COLUMN stagger_plans.peak_before IS 'The most units wanted at once in the week ahead, as things are.';
COMMENT ON COLUMN stagger_plans.peak_after IS 'The same by the plan.';
COMMENT ON COLUMN stagger_plans.peak_bound IS 'No plan within the same slack has a lower peak than this.';
COMMENT ON COLUMN stagger_plans.method IS 'What found the plan.';
COMMENT ON COLUMN stagger_plans.history_peak_before IS 'The most units wanted at once in the runs that were recorded, replayed first come, first served.';
COMMENT ON COLUMN stagger_plans.history_peak_after IS 'The same with the starts of the plan.';
COMMENT ON COLUMN stagger_plans.history_queued_unit_seconds_before IS 'Units that would have waited, times seconds, in the replay.';
COMMENT ON COLUMN stagger_plans.history_queued_unit_seconds_after IS 'The same with the starts of the plan.';
COMMENT ON COLUMN stagger_plans.history_missed_before IS 'How many deadlines would have been missed, in the replay.';
COMMENT ON COLUMN stagger_plans.history_missed_after IS 'The same with the starts of the plan.';
COMMENT ON COLUMN stagger_plans.computed_at IS 'When it was worked out.';

CREATE VIEW stagger_moves AS
SELECT
  plan.resource,
  found.instance AS instance,
  found.pipeline AS pipeline,
  found.minutes AS minutes,
  found.slack_minutes AS slack_minutes,
  found.cron AS cron,
  found.new_cron AS new_cron,
  found.timezone AS timezone
FROM stagger_plan_record AS plan, unnest(plan.moves) AS unnested(found);

COMMENT ON VIEW stagger_moves IS 'A row is a pipeline that a plan would have begin later.';
COMMENT ON COLUMN stagger_moves.resource IS 'The resource of the plan.';
COMMENT ON COLUMN stagger_moves.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN stagger_moves.pipeline IS 'The pipeline.';
COMMENT ON COLUMN stagger_moves.minutes IS 'By how many minutes.';
COMMENT ON COLUMN stagger_moves.slack_minutes IS 'By how many minutes it might, and keep its deadlines.';
COMMENT ON COLUMN stagger_moves.cron IS 'The expression of its schedule.';
COMMENT ON COLUMN stagger_moves.new_cron IS 'The one of the plan.';
COMMENT ON COLUMN stagger_moves.timezone IS 'The time zone of both.';
