-- Runs that no longer exist on the server. One document per run.
UPDATE run_record
SET deleted_at = $now
FROM (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "pipeline": "VARCHAR", "run_id": "VARCHAR"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS gone
WHERE run_record.instance = gone.instance
  AND run_record.pipeline = gone.pipeline
  AND run_record.run_id = gone.run_id
  AND run_record.deleted_at IS NULL
