-- The last successful runs of some pipelines with how many task runs each had:
-- (instance, pipeline, due, started, ended: seconds since 1970, width, since when that was known), the
-- oldest first. One document per pipeline.
WITH
wanted AS (
  SELECT unnest(from_json_strict(document, '{"instance": "VARCHAR", "pipeline": "VARCHAR"}'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
),
chosen AS (
  SELECT r.*
  FROM run_record AS r
  SEMI JOIN wanted USING (instance, pipeline)
  WHERE r.state = 'succeeded'
    AND r.deleted_at IS NULL
    AND r.started_at IS NOT NULL
    AND r.ended_at >= r.started_at
  QUALIFY row_number() OVER (
    PARTITION BY r.instance, r.pipeline ORDER BY r.started_at DESC, r.run_id
  ) <= $most
),
task AS (
  SELECT
    t.instance,
    t.pipeline,
    t.run_id,
    t.task,
    count(DISTINCT t.task_run_id) AS width,
    min(coalesce(t.scheduled_at, t.queued_at, t.started_at)) AS since
  FROM task_run_record AS t
  SEMI JOIN chosen USING (instance, pipeline, run_id)
  GROUP BY ALL
),
width AS (
  SELECT
    instance,
    pipeline,
    run_id,
    sum(width)::BIGINT AS width,
    max(since) FILTER (WHERE width > 1) AS since  -- the last mapped task was told apart then
  FROM task
  GROUP BY ALL
)
SELECT
  c.instance,
  c.pipeline,
  epoch(CASE
    WHEN c.trigger = 'schedule' THEN coalesce(c.logical_end, c.scheduled_at)
  END),
  epoch(c.started_at),
  epoch(c.ended_at),
  width.width,
  epoch(greatest(width.since, c.started_at))
FROM chosen AS c
LEFT JOIN width USING (instance, pipeline, run_id)
ORDER BY c.instance, c.pipeline, c.started_at, c.run_id
