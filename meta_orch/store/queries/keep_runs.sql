-- Keep runs for a reason, however old they are. One document per run, keys not repeated.
MERGE INTO kept_run_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "pipeline": "VARCHAR", "run_id": "VARCHAR"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS wanted
ON kept.instance = wanted.instance AND kept.pipeline = wanted.pipeline
  AND kept.run_id = wanted.run_id AND kept.reason = $reason
WHEN NOT MATCHED THEN INSERT (instance, pipeline, run_id, reason, since)
VALUES (wanted.instance, wanted.pipeline, wanted.run_id, $reason, $now)
