-- The views that people query. Each column says what it is: docs/store.md is checked against it.
-- DuckLake takes all of this but the comments on columns of views.

CREATE VIEW pipelines AS
SELECT
  instance,
  name AS pipeline,
  orchestrator,
  native_id,
  description,
  owners,
  tags,
  is_paused,
  version,
  source_path,
  url,
  max_active_runs,
  len(tasks) AS task_count,
  len(schedules) AS schedule_count,
  list_transform(consumes, lambda asset: asset.uri) AS consumes,
  list_transform(produces, lambda asset: asset.uri) AS produces,
  list_transform(triggers, lambda started: concat(started.instance, '/', started.name)) AS triggers,
  first_seen_at,
  changed_at
FROM pipeline_record
WHERE removed_at IS NULL;

COMMENT ON VIEW pipelines IS 'A row is a pipeline (DAG, deployment or flow, job) that exists now.';
COMMENT ON COLUMN pipelines.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN pipelines.pipeline IS 'The name in its orchestrator, unique within the instance.';
COMMENT ON COLUMN pipelines.orchestrator IS 'The type: airflow, prefect, dagster, or that of another adapter.';
COMMENT ON COLUMN pipelines.native_id IS 'What the API of the orchestrator calls it.';
COMMENT ON COLUMN pipelines.description IS 'As its authors wrote it.';
COMMENT ON COLUMN pipelines.owners IS 'A list, as its authors wrote it.';
COMMENT ON COLUMN pipelines.tags IS 'A list.';
COMMENT ON COLUMN pipelines.is_paused IS 'Whether its schedules are switched off.';
COMMENT ON COLUMN pipelines.version IS 'Changes whenever the definition does; means nothing else.';
COMMENT ON COLUMN pipelines.source_path IS 'Where the definition lies: a file, or file:function.';
COMMENT ON COLUMN pipelines.url IS 'Its page in the orchestrator.';
COMMENT ON COLUMN pipelines.max_active_runs IS 'How many runs may be active at once; NULL where there is no limit.';
COMMENT ON COLUMN pipelines.task_count IS 'How many tasks it has; they are in the view tasks.';
COMMENT ON COLUMN pipelines.schedule_count IS 'How many schedules it has; they are in the view schedules.';
COMMENT ON COLUMN pipelines.consumes IS 'A list of the URIs of assets that it reads.';
COMMENT ON COLUMN pipelines.produces IS 'A list of the URIs of assets that it writes.';
COMMENT ON COLUMN pipelines.triggers IS 'A list of the pipelines that it starts, as INSTANCE/NAME.';
COMMENT ON COLUMN pipelines.first_seen_at IS 'When it was first read.';
COMMENT ON COLUMN pipelines.changed_at IS 'When anything of it was last found changed.';

CREATE VIEW tasks AS
SELECT
  p.instance,
  p.name AS pipeline,
  task.name AS task,
  task.kind AS kind,
  task.upstream AS upstream,
  task.retries AS retries,
  task.timeout_seconds AS timeout_seconds,
  task.pool AS pool,
  task.trigger_rule AS trigger_rule,
  task.is_mapped AS is_mapped
FROM pipeline_record AS p, unnest(p.tasks) AS unnested(task)
WHERE p.removed_at IS NULL;

COMMENT ON VIEW tasks IS 'A row is a task of a pipeline that exists now.';
COMMENT ON COLUMN tasks.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN tasks.pipeline IS 'The pipeline it is a step of.';
COMMENT ON COLUMN tasks.task IS 'Its name, unique within the pipeline.';
COMMENT ON COLUMN tasks.kind IS 'The operator class or decorator, in the word of the orchestrator.';
COMMENT ON COLUMN tasks.upstream IS 'A list of the tasks that it waits for.';
COMMENT ON COLUMN tasks.retries IS 'How often it is tried again.';
COMMENT ON COLUMN tasks.timeout_seconds IS 'How long one attempt may take, in seconds; NULL where there is no limit.';
COMMENT ON COLUMN tasks.pool IS 'The pool whose slots it takes.';
COMMENT ON COLUMN tasks.trigger_rule IS 'Which ends of the tasks before it let it start, in the word of the orchestrator.';
COMMENT ON COLUMN tasks.is_mapped IS 'Whether one run of the pipeline may hold many runs of this task.';

CREATE VIEW schedules AS
SELECT
  p.instance,
  p.name AS pipeline,
  schedule.name AS schedule,
  schedule.kind AS kind,
  schedule.expression AS expression,
  schedule.interval_seconds AS interval_seconds,
  schedule.anchor AS anchor,
  schedule.timezone AS timezone,
  schedule.is_active AND NOT p.is_paused AS is_active,
  schedule.next_at AS next_at
FROM pipeline_record AS p, unnest(p.schedules) AS unnested(schedule)
WHERE p.removed_at IS NULL;

COMMENT ON VIEW schedules IS 'A row is a rule by which a pipeline is started; a pipeline may have several, or none.';
COMMENT ON COLUMN schedules.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN schedules.pipeline IS 'The pipeline that it starts.';
COMMENT ON COLUMN schedules.schedule IS 'Its own name, where the orchestrator gives it one.';
COMMENT ON COLUMN schedules.kind IS 'cron, interval, rrule, assets, timetable, continuous, once or sensor.';
COMMENT ON COLUMN schedules.expression IS 'The cron expression, the RRule, the asset condition, or what a timetable says of itself.';
COMMENT ON COLUMN schedules.interval_seconds IS 'The time between two ticks of an interval, in seconds.';
COMMENT ON COLUMN schedules.anchor IS 'The instant that an interval is counted from.';
COMMENT ON COLUMN schedules.timezone IS 'The IANA time zone that the rule is evaluated in.';
COMMENT ON COLUMN schedules.is_active IS 'Whether it ticks: neither it nor its pipeline is paused.';
COMMENT ON COLUMN schedules.next_at IS 'The next tick, as the orchestrator stated it when it was last read.';

CREATE VIEW runs AS
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
COMMENT ON COLUMN runs.message IS 'What the orchestrator says of the state, shortened.';
COMMENT ON COLUMN runs.url IS 'Its page in the orchestrator.';
COMMENT ON COLUMN runs.first_seen_at IS 'When it was first read.';
COMMENT ON COLUMN runs.changed_at IS 'When anything of it was last found changed.';

CREATE VIEW task_runs AS
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
COMMENT ON COLUMN task_runs.worker IS 'What ran it.';
COMMENT ON COLUMN task_runs.upstream_task_run_ids IS 'A list of the task runs that it waited for, where edges are known per run; otherwise empty, and the edges are in tasks.';
COMMENT ON COLUMN task_runs.child_run_id IS 'The run of a subflow that it stands for.';
COMMENT ON COLUMN task_runs.message IS 'What the orchestrator says of the state, shortened.';
COMMENT ON COLUMN task_runs.url IS 'Its page in the orchestrator.';
COMMENT ON COLUMN task_runs.changed_at IS 'When anything of it was last found changed.';

CREATE VIEW edges AS
SELECT
  array_to_string(upstream, '/') AS upstream,
  array_to_string(downstream, '/') AS downstream,
  kind,
  evidence,
  first_seen_at,
  last_seen_at
FROM edge_record
WHERE removed_at IS NULL;

COMMENT ON VIEW edges IS 'A row is a dependency of one asset on another, for one kind of reason.';
COMMENT ON COLUMN edges.upstream IS 'What comes first: a pipeline as INSTANCE/NAME, or the key of a Dagster asset.';
COMMENT ON COLUMN edges.downstream IS 'What depends on it, written alike.';
COMMENT ON COLUMN edges.kind IS 'data (an asset is shared), trigger (one starts the other) or declared (in meta_orch.yaml).';
COMMENT ON COLUMN edges.evidence IS 'Why it is believed, in words.';
COMMENT ON COLUMN edges.first_seen_at IS 'When it was first known.';
COMMENT ON COLUMN edges.last_seen_at IS 'When the edges were last worked out anew.';

CREATE VIEW pools AS
SELECT
  instance,
  name AS pool,
  slots,
  running,
  queued,
  read_at
FROM pool_record;

COMMENT ON VIEW pools IS 'A row is a limit on how much runs at once: an Airflow pool, a Prefect work pool or concurrency limit, a Dagster pool.';
COMMENT ON COLUMN pools.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN pools.pool IS 'Its name, unique within the instance.';
COMMENT ON COLUMN pools.slots IS 'How much may run at once; NULL where there is no limit.';
COMMENT ON COLUMN pools.running IS 'How many slots were taken.';
COMMENT ON COLUMN pools.queued IS 'How much waited for a slot.';
COMMENT ON COLUMN pools.read_at IS 'When that was so.';

CREATE VIEW collectors AS
SELECT
  instance,
  attempted_at,
  succeeded_at,
  caught_up,
  error,
  server_version,
  catalogue_read_at
FROM collector_record;

COMMENT ON VIEW collectors IS 'A row is an instance: how reading it went, and so how far the other views can be trusted.';
COMMENT ON COLUMN collectors.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN collectors.attempted_at IS 'When the last reading began.';
COMMENT ON COLUMN collectors.succeeded_at IS 'When the last reading that did not fail began.';
COMMENT ON COLUMN collectors.caught_up IS 'Whether the last reading got everything there was.';
COMMENT ON COLUMN collectors.error IS 'Why the last reading failed; NULL where it did not.';
COMMENT ON COLUMN collectors.server_version IS 'The version that the orchestrator states.';
COMMENT ON COLUMN collectors.catalogue_read_at IS 'When all pipelines were last read.';
