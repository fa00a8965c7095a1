-- Other pipelines of an instance of which a run failed around $at, and is not only the consequence
-- of an upstream's failure.
SELECT DISTINCT instance || '/' || pipeline AS pipeline
FROM run_record
WHERE instance = $instance
  AND state = 'failed'
  AND deleted_at IS NULL
  AND ended_at BETWEEN $at::TIMESTAMPTZ - to_seconds($within) AND $at::TIMESTAMPTZ + to_seconds($within)
ORDER BY pipeline
