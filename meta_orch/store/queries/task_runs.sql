-- One row per attempt of each task run of one run, as a document.
SELECT to_json(t)
FROM task_run_record AS t
SEMI JOIN (FROM run_record WHERE deleted_at IS NULL) AS r
  ON r.instance = t.instance AND r.pipeline = t.pipeline AND r.run_id = t.run_id
WHERE t.instance = $instance AND t.pipeline = $pipeline AND t.run_id = $run_id
ORDER BY t.started_at NULLS LAST, t.task, t.map_index, t.task_run_id, t.attempt
