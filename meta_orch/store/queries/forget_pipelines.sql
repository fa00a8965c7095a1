-- Remove pipelines that no longer existed then and of which no run is left.
DELETE FROM pipeline_record
WHERE removed_at < $runs_before
  AND NOT EXISTS (
    FROM run_record
    WHERE run_record.instance = pipeline_record.instance
      AND run_record.pipeline = pipeline_record.name
  )
