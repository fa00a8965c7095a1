-- One row per attempt of each task run of one run, as a document. An attempt that was seen before its
-- end and that another one followed is retrying: the orchestrators tell no more of it.
SELECT to_json(t)
FROM (
  SELECT * REPLACE (
    CASE
      WHEN state IN ('scheduled', 'queued', 'running', 'waiting', 'canceling', 'unknown')
        AND attempt < max(attempt) OVER (PARTITION BY task_run_id)
      THEN 'retrying'
      ELSE state
    END AS state
  )
  FROM task_run_record
  WHERE instance = $instance AND pipeline = $pipeline AND run_id = $run_id
) AS t
ANTI JOIN (FROM run_record WHERE deleted_at IS NOT NULL) AS deleted
  ON deleted.instance = t.instance AND deleted.pipeline = t.pipeline AND deleted.run_id = t.run_id
ORDER BY t.started_at NULLS LAST, t.task, t.map_index, t.task_run_id, t.attempt
