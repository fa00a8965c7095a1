-- Remove the task runs of what is in `expired`.
DELETE FROM task_run_record
USING expired
WHERE task_run_record.instance = expired.instance
  AND task_run_record.pipeline = expired.pipeline
  AND task_run_record.run_id = expired.run_id
