-- One row per run that is due and not finished, as a document; of one instance, or of all.
-- What is only planned for later (scheduled) is left out.
SELECT to_json(r)
FROM run_record AS r
WHERE NOT r.is_finished
  AND r.state <> 'scheduled'
  AND r.deleted_at IS NULL
  AND ($instance IS NULL OR r.instance = $instance)
ORDER BY r.effective_at NULLS LAST, r.instance, r.pipeline, r.run_id
