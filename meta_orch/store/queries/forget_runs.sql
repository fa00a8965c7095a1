-- Remove the runs that are forgotten.
DELETE FROM run_record
USING expired
WHERE run_record.instance = expired.instance
  AND run_record.pipeline = expired.pipeline
  AND run_record.run_id = expired.run_id
  AND expired.is_forgotten
