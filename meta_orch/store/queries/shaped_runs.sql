-- The last successful runs of some pipelines, with what critical paths are worked out from: those
-- whose tasks are the same and waited for the same taken together. By pipeline. One document per
-- pipeline.
--
-- A task that was tried again is one, from the first attempt to the last of which it is known when
-- they began and ended.
WITH
wanted AS (
  SELECT unnest(from_json_strict(document, '{"instance": "VARCHAR", "pipeline": "VARCHAR"}'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
),
chosen AS (
  SELECT r.instance, r.pipeline, r.run_id, r.started_at, r.ended_at
  FROM run_record AS r
  SEMI JOIN wanted USING (instance, pipeline)
  WHERE r.state = 'succeeded'
    AND r.deleted_at IS NULL
    AND r.started_at IS NOT NULL
    AND r.ended_at IS NOT NULL
  QUALIFY row_number() OVER (
    PARTITION BY r.instance, r.pipeline ORDER BY r.ended_at DESC, r.run_id
  ) <= $most
),
attempt AS (
  SELECT
    instance,
    pipeline,
    run_id,
    task_run_id AS id,
    task,
    coalesce(map_index, -1) AS map_index,
    coalesce(upstream_task_run_ids, []) AS upstream,
    attempt AS number,
    started_at IS NOT NULL AND ended_at IS NOT NULL AS has_ended,
    epoch_us(started_at) AS started_at,
    epoch_us(ended_at) AS ended_at,
    epoch_us(queued_at) AS queued_at
  FROM task_run_record
  SEMI JOIN chosen USING (instance, pipeline, run_id)
),
task_run AS (
  SELECT
    instance,
    pipeline,
    run_id,
    id,
    arg_min(task, number) AS task,
    arg_min(map_index, number) AS map_index,
    arg_min(upstream, number) AS upstream,
    arg_max(has_ended, number) AS has_ended,
    arg_min(started_at, number) FILTER (WHERE has_ended) AS started_at,
    arg_max(ended_at, number) FILTER (WHERE has_ended) AS ended_at,
    arg_min(coalesce(queued_at, started_at), number) FILTER (WHERE has_ended) AS queued_at,
  FROM attempt
  GROUP BY ALL
),
traced AS (
  SELECT
    instance,
    pipeline,
    run_id,
    -- A third of the time that ordering while listing takes.
    list_sort(list({
      'task': task,
      'map_index': map_index,
      'started_at': started_at,
      'id': id,
      'upstream': upstream,
      'ran': has_ended,
      'ended_at': ended_at,
      'queued_at': queued_at
    })) AS tasks
  FROM task_run
  GROUP BY ALL
),
placed AS (
  SELECT
    *,
    list_transform(tasks, lambda task: task.id) AS ids,
    list_filter(tasks, lambda task: task.ran) AS ran
  FROM traced
),
shaped AS (
  SELECT
    c.instance,
    c.pipeline,
    list_transform(t.tasks, lambda task: {
      'task': task.task,
      'upstream': list_filter(
        list_transform(task.upstream, lambda id: list_position(t.ids, id) - 1),
        lambda place: place IS NOT NULL
      ),
      'ran': task.ran
    }) AS shape,
    c.ended_at AS until,
    epoch_us(c.started_at) AS began_at,
    list_transform(t.ran, lambda task: task.started_at) AS started_at,
    list_transform(t.ran, lambda task: task.ended_at) AS ended_at,
    list_transform(t.ran, lambda task: task.queued_at) AS queued_at
  FROM chosen AS c
  LEFT JOIN placed AS t USING (instance, pipeline, run_id)
)
SELECT
  instance,
  pipeline,
  coalesce(to_json(shape)::VARCHAR, '[]'),
  epoch(max(until)),
  list(began_at),
  list(started_at),
  list(ended_at),
  list(queued_at)
FROM shaped
GROUP BY instance, pipeline, shape
ORDER BY instance, pipeline
