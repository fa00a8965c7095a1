-- One row per run of an instance that has not come to an end.
SELECT pipeline, run_id
FROM run_record
WHERE instance = $instance AND NOT is_finished AND deleted_at IS NULL
ORDER BY pipeline, run_id
