-- One row per run of some pipelines that ended within a window.
SELECT pipeline, run_id, native_state, ended_at
FROM run_record
SEMI JOIN (SELECT unnest($pipelines::VARCHAR[]) AS pipeline) AS chosen USING (pipeline)
WHERE instance = $instance
  AND is_finished
  AND deleted_at IS NULL
  AND ended_at >= $since
  AND ended_at < $until
