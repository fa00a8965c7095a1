-- One row: how much of what is in `expired` the store holds.
SELECT
  (SELECT count(*) FROM run_record SEMI JOIN (FROM expired WHERE is_forgotten) AS gone
    USING (instance, pipeline, run_id)),
  (SELECT count(*) FROM task_run_record SEMI JOIN expired USING (instance, pipeline, run_id))
