-- Where pipelines lose their time, as it was last worked out: (instance, pipeline).
CREATE TABLE critical_path_record (
  instance VARCHAR,
  pipeline VARCHAR,
  runs BIGINT,
  makespan_seconds DOUBLE,
  executed_seconds DOUBLE,
  queued_seconds DOUBLE,
  waited_seconds DOUBLE,
  ended_until TIMESTAMPTZ,
  computed_at TIMESTAMPTZ,
  tasks STRUCT(
    task VARCHAR,
    runs BIGINT,
    on_path DOUBLE,
    executed_seconds DOUBLE,
    held_up_seconds DOUBLE,
    slack_seconds DOUBLE,
    saves_seconds DOUBLE
  )[]
);

CREATE VIEW critical_paths AS
SELECT
  instance,
  pipeline,
  runs,
  makespan_seconds,
  executed_seconds,
  queued_seconds,
  waited_seconds,
  ended_until,
  computed_at
FROM critical_path_record;

COMMENT ON VIEW critical_paths IS 'A row is a pipeline: where its last successful runs spent their time, on their critical paths. Worked out each night, by the asset meta_orch/critical_paths.';
COMMENT ON COLUMN critical_paths.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN critical_paths.pipeline IS 'The pipeline.';
COMMENT ON COLUMN critical_paths.runs IS 'How many runs were looked at.';
COMMENT ON COLUMN critical_paths.makespan_seconds IS 'From the start of the run to the end of its last task, on average, in seconds: the next three together.';
COMMENT ON COLUMN critical_paths.executed_seconds IS 'Of that, tasks executing.';
COMMENT ON COLUMN critical_paths.queued_seconds IS 'Of that, tasks waiting for room.';
COMMENT ON COLUMN critical_paths.waited_seconds IS 'Of that, anything else: before the first task, and between one and the next.';
COMMENT ON COLUMN critical_paths.ended_until IS 'When the last of the runs ended.';
COMMENT ON COLUMN critical_paths.computed_at IS 'When it was worked out.';

CREATE VIEW critical_path_tasks AS
SELECT
  p.instance,
  p.pipeline,
  found.task AS task,
  found.runs AS runs,
  found.on_path AS on_path,
  found.executed_seconds AS executed_seconds,
  found.held_up_seconds AS held_up_seconds,
  found.slack_seconds AS slack_seconds,
  found.saves_seconds AS saves_seconds
FROM critical_path_record AS p, unnest(p.tasks) AS unnested(found);

COMMENT ON VIEW critical_path_tasks IS 'A row is a task of a pipeline: how it bears on when the pipeline ends.';
COMMENT ON COLUMN critical_path_tasks.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN critical_path_tasks.pipeline IS 'The pipeline.';
COMMENT ON COLUMN critical_path_tasks.task IS 'The task; its runs, where it is mapped, are taken together.';
COMMENT ON COLUMN critical_path_tasks.runs IS 'In how many of the runs it ran.';
COMMENT ON COLUMN critical_path_tasks.on_path IS 'The share of those in which it was on the critical path, from 0 to 1.';
COMMENT ON COLUMN critical_path_tasks.executed_seconds IS 'What it executed there, on average over all runs, in seconds.';
COMMENT ON COLUMN critical_path_tasks.held_up_seconds IS 'What it was queued and waited there, on average over all runs, in seconds.';
COMMENT ON COLUMN critical_path_tasks.slack_seconds IS 'The median of how much longer it could have taken, in seconds.';
COMMENT ON COLUMN critical_path_tasks.saves_seconds IS 'How much sooner the pipeline would end with the task 30% faster, on average over all runs, in seconds.';
