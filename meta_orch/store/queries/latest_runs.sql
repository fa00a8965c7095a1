-- One row per pipeline that has runs: the latest by effective time, as a document.
-- What is only planned for later (scheduled) is left out.
SELECT to_json(r)
FROM run_record AS r
WHERE r.state <> 'scheduled'
  AND r.deleted_at IS NULL
  AND ($instance IS NULL OR r.instance = $instance)
QUALIFY row_number() OVER (
  PARTITION BY r.instance, r.pipeline
  ORDER BY r.effective_at DESC NULLS LAST, r.run_id DESC
) = 1
