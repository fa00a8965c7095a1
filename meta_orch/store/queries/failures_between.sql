-- When runs failed within a time.
SELECT instance, pipeline, epoch(ended_at) AS ended_at
FROM run_record
WHERE state = 'failed'
  AND deleted_at IS NULL
  AND ended_at BETWEEN $start AND $until
ORDER BY ended_at, run_id
