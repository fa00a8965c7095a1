-- Remove what is known of outcomes that Dagster shows, of runs that are forgotten.
DELETE FROM mirrored_record
USING expired
WHERE mirrored_record.instance = expired.instance
  AND mirrored_record.pipeline = expired.pipeline
  AND mirrored_record.run_id = expired.run_id
  AND expired.is_forgotten
