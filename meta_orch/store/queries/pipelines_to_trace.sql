-- Pipelines with successful runs that ended since their critical path was worked out: (instance,
-- pipeline).
SELECT r.instance, r.pipeline
FROM run_record AS r
SEMI JOIN (FROM pipeline_record WHERE removed_at IS NULL) AS p
  ON p.instance = r.instance AND p.name = r.pipeline
LEFT JOIN critical_path_record AS known
  ON known.instance = r.instance AND known.pipeline = r.pipeline
WHERE r.state = 'succeeded'
  AND r.deleted_at IS NULL
GROUP BY r.instance, r.pipeline
HAVING max(r.ended_at) > coalesce(max(known.ended_until), '0001-01-01'::TIMESTAMPTZ)
ORDER BY r.instance, r.pipeline
