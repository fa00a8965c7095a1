-- Of runs of some pipelines that are under way how many task runs they will have had, where that can
-- be told: (instance, pipeline, run_id, width). One document per pipeline.
--
-- Tasks that have not come yet count as in the last run that succeeded; but until each that is
-- mapped is told apart, nothing can be said: for Airflow an index tells that one is, for Prefect that
-- it has come at all.
WITH
wanted AS (
  SELECT unnest(from_json_strict(document, '{"instance": "VARCHAR", "pipeline": "VARCHAR"}'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
),
last_run AS (
  SELECT r.instance, r.pipeline, arg_max(r.run_id, r.ended_at) AS run_id
  FROM run_record AS r
  SEMI JOIN wanted USING (instance, pipeline)
  WHERE r.state = 'succeeded' AND r.deleted_at IS NULL
  GROUP BY ALL
),
open_run AS (
  SELECT r.instance, r.pipeline, r.run_id
  FROM run_record AS r
  SEMI JOIN wanted USING (instance, pipeline)
  WHERE NOT r.is_finished AND r.deleted_at IS NULL
),
task AS (
  SELECT
    instance,
    pipeline,
    run_id,
    task,
    count(DISTINCT task_run_id) AS width,
    bool_or(map_index IS NOT NULL) AS has_indexes
  FROM task_run_record
  SEMI JOIN (FROM last_run UNION ALL FROM open_run) AS chosen USING (instance, pipeline, run_id)
  GROUP BY ALL
),
usual AS (
  SELECT
    task.instance,
    task.pipeline,
    task.task,
    task.width,
    task.has_indexes,
    task.width > 1 OR task.has_indexes AS is_mapped
  FROM task
  JOIN last_run USING (instance, pipeline, run_id)
),
compared AS (
  SELECT
    r.instance,
    r.pipeline,
    r.run_id,
    coalesce(now.width, usual.width) AS width,
    usual.is_mapped AND (now.width IS NULL OR usual.has_indexes > now.has_indexes) AS is_open
  FROM open_run AS r
  JOIN usual USING (instance, pipeline)
  LEFT JOIN task AS now
    ON now.instance = r.instance
    AND now.pipeline = r.pipeline
    AND now.run_id = r.run_id
    AND now.task = usual.task
)
SELECT instance, pipeline, run_id, sum(width)::BIGINT
FROM compared
GROUP BY ALL
HAVING NOT bool_or(is_open)
