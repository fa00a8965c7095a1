-- One row per run of an instance that Dagster should show and does not yet, as a document.
-- Among the last `history` finished runs of each pipeline of the catalogue, those whose outcome is
-- not mirrored. A run that comes before its pipeline waits for it.
-- The newest of every pipeline are taken before anybody's older ones; what is taken is ordered with
-- pipelines whose latest run failed first, and oldest first within a pipeline.
WITH recent AS (
  SELECT
    r,
    r.revision_id IN (SELECT revision_id FROM mirrored_record) AS is_mirrored,
    row_number() OVER newest_first AS age,
    first_value(r.state) OVER newest_first IN ('failed', 'upstream_failed') AS latest_failed
  FROM run_record AS r
  SEMI JOIN (FROM pipeline_record WHERE removed_at IS NULL) AS p
    ON p.instance = r.instance AND p.name = r.pipeline
  WHERE r.instance = $instance AND r.is_finished AND r.deleted_at IS NULL
  WINDOW newest_first AS (
    PARTITION BY r.pipeline ORDER BY r.effective_at DESC NULLS LAST, r.run_id DESC
  )
  QUALIFY age <= $history
), chosen AS (
  FROM recent
  WHERE NOT is_mirrored
  ORDER BY age, latest_failed DESC, r.pipeline
  LIMIT $limit
)
SELECT to_json(r)
FROM chosen
ORDER BY latest_failed DESC, r.pipeline, age DESC
