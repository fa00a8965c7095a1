-- One row per run of an instance that Dagster should show and does not yet, as a document.
-- Among the last `history` finished runs of each pipeline of the catalogue, those whose outcome is
-- not mirrored. A run that comes before its pipeline waits for it.
-- A quarter of what is taken are the runs that ended last, so that news does not wait for the past.
-- For the rest, the newest of every pipeline are taken before anybody's older ones, and of pipelines
-- whose latest run failed before others. What is taken is ordered with these first as well, and oldest
-- first within a pipeline.
WITH finished AS (
  SELECT
    pipeline,
    run_id,
    state,
    coalesce(effective_at, '0001-01-01'::TIMESTAMPTZ) AS effective_at,
    revision_id NOT IN (SELECT revision_id FROM mirrored_record) AS is_pending
  FROM run_record AS r
  SEMI JOIN (FROM pipeline_record WHERE removed_at IS NULL) AS p
    ON p.instance = r.instance AND p.name = r.pipeline
  WHERE r.instance = $instance AND r.is_finished AND r.deleted_at IS NULL
), horizon AS (
  -- A time before which no run is among the last, cheaply: a million runs take 0.1 s.
  SELECT pipeline, list_min(max(effective_at, $history)) AS earliest
  FROM finished
  GROUP BY pipeline
), recent AS (
  SELECT finished.*
  FROM finished
  JOIN horizon ON horizon.pipeline = finished.pipeline
    AND finished.effective_at >= horizon.earliest
), ranked AS (
  SELECT
    *,
    row_number() OVER newest_first AS age,
    first_value(state) OVER newest_first IN ('failed', 'upstream_failed') AS latest_failed
  FROM recent
  SEMI JOIN (FROM recent WHERE is_pending) AS pending USING (pipeline)
  WINDOW newest_first AS (PARTITION BY pipeline ORDER BY effective_at DESC, run_id DESC)
  QUALIFY age <= $history
), chosen AS (
  FROM ranked
  WHERE is_pending
  ORDER BY
    row_number() OVER (ORDER BY effective_at DESC, pipeline, run_id DESC) <= $limit // 4 DESC,
    age, latest_failed DESC, effective_at DESC, pipeline
  LIMIT $limit
)
SELECT to_json(r)
FROM run_record AS r
JOIN chosen ON chosen.pipeline = r.pipeline AND chosen.run_id = r.run_id
WHERE r.instance = $instance
ORDER BY chosen.latest_failed DESC, chosen.pipeline, chosen.age DESC
