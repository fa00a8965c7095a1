ALTER TABLE run_record ADD COLUMN queue VARCHAR;
ALTER TABLE task_run_record ADD COLUMN slots BIGINT;
ALTER TABLE task_run_record ADD COLUMN queue VARCHAR;

CREATE OR REPLACE VIEW runs AS
SELECT
  instance,
  pipeline,
  run_id,
  state,
  native_state,
  is_finished,
  attempt,
  trigger,
  logical_start,
  logical_end,
  scheduled_at,
  queued_at,
  started_at,
  ended_at,
  effective_at,
  epoch(ended_at - started_at) AS duration_seconds,
  epoch(started_at - coalesce(queued_at, scheduled_at)) AS queue_seconds,
  parameters,
  parent_run_id,
  pipeline_version,
  queue,
  message,
  url,
  first_seen_at,
  changed_at
FROM run_record
WHERE deleted_at IS NULL;

COMMENT ON VIEW runs IS 'A row is one execution of a pipeline, as last seen.';
COMMENT ON COLUMN runs.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN runs.pipeline IS 'The pipeline; it may have been removed since.';
COMMENT ON COLUMN runs.run_id IS 'The id in its orchestrator, unique within the pipeline.';
COMMENT ON COLUMN runs.state IS 'scheduled, queued, running, waiting, retrying, canceling, succeeded, failed, canceled, skipped, upstream_failed, removed or unknown.';
COMMENT ON COLUMN runs.native_state IS 'The state in the word of the orchestrator.';
COMMENT ON COLUMN runs.is_finished IS 'Whether nothing more follows unless somebody acts.';
COMMENT ON COLUMN runs.attempt IS 'Counts from 1; always 1 for Airflow.';
COMMENT ON COLUMN runs.trigger IS 'What started it: schedule, asset, manual, parent, backfill, sensor or unknown.';
COMMENT ON COLUMN runs.logical_start IS 'The start of the span of data that it is for, where there is that notion.';
COMMENT ON COLUMN runs.logical_end IS 'The end of that span, which is not in it.';
COMMENT ON COLUMN runs.scheduled_at IS 'When it was due.';
COMMENT ON COLUMN runs.queued_at IS 'When it began to wait for capacity.';
COMMENT ON COLUMN runs.started_at IS 'When it started.';
COMMENT ON COLUMN runs.ended_at IS 'When it ended.';
COMMENT ON COLUMN runs.effective_at IS 'When its state took effect: the end of a finished run, otherwise the last of start, queueing and due time. Orders the runs of a pipeline.';
COMMENT ON COLUMN runs.duration_seconds IS 'From start to end, in seconds; NULL while it runs.';
COMMENT ON COLUMN runs.queue_seconds IS 'From queueing, or else due time, to start, in seconds.';
COMMENT ON COLUMN runs.parameters IS 'A JSON object; secrets in it are masked.';
COMMENT ON COLUMN runs.parent_run_id IS 'The run, of any pipeline of the instance, that started this one.';
COMMENT ON COLUMN runs.pipeline_version IS 'The version of the pipeline that ran.';
COMMENT ON COLUMN runs.queue IS 'What a worker takes it from: the work queue of Prefect, as POOL/QUEUE.';
COMMENT ON COLUMN runs.message IS 'What the orchestrator says of the state, shortened.';
COMMENT ON COLUMN runs.url IS 'Its page in the orchestrator.';
COMMENT ON COLUMN runs.first_seen_at IS 'When it was first read.';
COMMENT ON COLUMN runs.changed_at IS 'When anything of it was last found changed.';

CREATE OR REPLACE VIEW task_runs AS
SELECT
  t.instance,
  t.pipeline,
  t.run_id,
  t.task,
  t.task_run_id,
  t.attempt,
  t.map_index,
  -- Of an attempt that another one followed, the orchestrators tell no more.
  CASE
    WHEN t.state IN ('scheduled', 'queued', 'running', 'waiting', 'canceling', 'unknown')
      AND t.attempt < max(t.attempt) OVER (
        PARTITION BY t.instance, t.pipeline, t.run_id, t.task_run_id
      )
    THEN 'retrying'
    ELSE t.state
  END AS state,
  t.native_state,
  t.scheduled_at,
  t.queued_at,
  t.started_at,
  t.ended_at,
  epoch(t.ended_at - t.started_at) AS duration_seconds,
  epoch(t.started_at - coalesce(t.queued_at, t.scheduled_at)) AS queue_seconds,
  t.pool,
  coalesce(t.slots, 1) AS slots,
  t.queue,
  t.worker,
  t.upstream_task_run_ids,
  t.child_run_id,
  t.message,
  t.url,
  t.changed_at
FROM task_run_record AS t
ANTI JOIN (FROM run_record WHERE deleted_at IS NOT NULL) AS deleted
  ON deleted.instance = t.instance AND deleted.pipeline = t.pipeline AND deleted.run_id = t.run_id;

COMMENT ON VIEW task_runs IS 'A row is one attempt of one task in one run, as last seen.';
COMMENT ON COLUMN task_runs.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN task_runs.pipeline IS 'The pipeline of the run.';
COMMENT ON COLUMN task_runs.run_id IS 'The run that it is part of.';
COMMENT ON COLUMN task_runs.task IS 'The task; a later version of the pipeline may lack it.';
COMMENT ON COLUMN task_runs.task_run_id IS 'Unique within the run, and the same for every attempt.';
COMMENT ON COLUMN task_runs.attempt IS 'Counts from 1.';
COMMENT ON COLUMN task_runs.map_index IS 'The place of a mapped task run among its siblings, from 0.';
COMMENT ON COLUMN task_runs.state IS 'As in runs; retrying where it was seen before its end and another attempt followed.';
COMMENT ON COLUMN task_runs.native_state IS 'The state in the word of the orchestrator.';
COMMENT ON COLUMN task_runs.scheduled_at IS 'When it was due.';
COMMENT ON COLUMN task_runs.queued_at IS 'When it began to wait for capacity.';
COMMENT ON COLUMN task_runs.started_at IS 'When it started.';
COMMENT ON COLUMN task_runs.ended_at IS 'When it ended.';
COMMENT ON COLUMN task_runs.duration_seconds IS 'From start to end, in seconds; NULL while it runs.';
COMMENT ON COLUMN task_runs.queue_seconds IS 'From queueing, or else due time, to start, in seconds.';
COMMENT ON COLUMN task_runs.pool IS 'The pool whose slots it took.';
COMMENT ON COLUMN task_runs.slots IS 'How many slots of the pool it took.';
COMMENT ON COLUMN task_runs.queue IS 'What a worker takes it from: the queue of an Airflow executor.';
COMMENT ON COLUMN task_runs.worker IS 'What ran it.';
COMMENT ON COLUMN task_runs.upstream_task_run_ids IS 'A list of the task runs that it waited for, where edges are known per run; otherwise empty, and the edges are in tasks.';
COMMENT ON COLUMN task_runs.child_run_id IS 'The run of a subflow that it stands for.';
COMMENT ON COLUMN task_runs.message IS 'What the orchestrator says of the state, shortened.';
COMMENT ON COLUMN task_runs.url IS 'Its page in the orchestrator.';
COMMENT ON COLUMN task_runs.changed_at IS 'When anything of it was last found changed.';

COMMENT ON VIEW resource_hours IS 'A row is an hour of a pool, of a queue, of an orchestrator as a whole, or of a resource that meta_orch.yaml declares: what was in use and wanted. Hours without either have none. Measured by the asset meta_orch/resources.';
COMMENT ON COLUMN resource_hours.kind IS 'orchestrator, pool, queue or shared.';
COMMENT ON COLUMN resource_hours.resource IS 'The instance; INSTANCE/POOL; INSTANCE/QUEUE; or the name in meta_orch.yaml.';
COMMENT ON COLUMN resource_hours.peak_running IS 'The most units that were in use at once: a run of an orchestrator, a slot of a pool, a run or attempt of a queue, or what meta_orch.yaml says.';
COMMENT ON COLUMN resource_users.kind IS 'orchestrator, pool, queue or shared.';
COMMENT ON COLUMN resource_users.resource IS 'The instance; INSTANCE/POOL; INSTANCE/QUEUE; or the name in meta_orch.yaml.';
