-- The last successful runs of some pipelines, each with its task runs, as documents; by pipeline, the
-- last first. One document per pipeline.
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
    AND r.ended_at IS NOT NULL
  QUALIFY row_number() OVER (
    PARTITION BY r.instance, r.pipeline ORDER BY r.ended_at DESC, r.run_id
  ) <= $most
),
traced AS (
  SELECT t.instance, t.pipeline, t.run_id, to_json(list(t)) AS task_runs
  FROM task_run_record AS t
  SEMI JOIN chosen USING (instance, pipeline, run_id)
  GROUP BY ALL
)
SELECT to_json(c), coalesce(traced.task_runs, '[]')
FROM chosen AS c
LEFT JOIN traced USING (instance, pipeline, run_id)
ORDER BY c.instance, c.pipeline, c.ended_at DESC, c.run_id
