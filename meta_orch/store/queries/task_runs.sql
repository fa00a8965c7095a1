-- One row per attempt of each task run of one run, as a document.
SELECT to_json(t)
FROM task_run_record AS t
ANTI JOIN (FROM run_record WHERE deleted_at IS NOT NULL) AS deleted
  ON deleted.instance = t.instance AND deleted.pipeline = t.pipeline AND deleted.run_id = t.run_id
WHERE t.instance = $instance AND t.pipeline = $pipeline AND t.run_id = $run_id
ORDER BY t.started_at NULLS LAST, t.task, t.map_index, t.task_run_id, t.attempt
