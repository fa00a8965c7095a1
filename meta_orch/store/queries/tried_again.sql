-- Those of some runs, by id, that have task runs with more than one attempt: (pipeline, run_id).
SELECT DISTINCT pipeline, run_id
FROM task_run_record
WHERE attempt > 1
  AND instance = $instance
  AND run_id IN (SELECT unnest($run_ids::VARCHAR[]))
