-- One row per pipeline of an instance with runs that ended within a window: their number.
SELECT pipeline, count(*)
FROM run_record
WHERE instance = $instance
  AND is_finished
  AND deleted_at IS NULL
  AND ended_at >= $since
  AND ended_at < $until
GROUP BY pipeline
