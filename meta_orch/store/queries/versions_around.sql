-- The version of the definition that a run had, that of the run that succeeded last before it, and
-- when that one began.
WITH failed AS (
  SELECT pipeline_version AS version, started_at
  FROM run_record
  WHERE instance = $instance AND pipeline = $pipeline AND run_id = $run_id
)
SELECT
  f.version,
  max_by(r.pipeline_version, r.started_at) AS good_version,
  epoch(max(r.started_at)) AS good_at
FROM failed AS f
JOIN run_record AS r
  ON r.instance = $instance
  AND r.pipeline = $pipeline
  AND r.state = 'succeeded'
  AND r.deleted_at IS NULL
  AND r.started_at < f.started_at
GROUP BY ALL
