-- One row per run of some that the store has been told of anew since an instant. One document per run.
SELECT run_record.pipeline, run_record.run_id
FROM run_record
JOIN (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "pipeline": "VARCHAR", "run_id": "VARCHAR"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS asked
ON run_record.instance = asked.instance AND run_record.pipeline = asked.pipeline
  AND run_record.run_id = asked.run_id
WHERE run_record.instance = $instance AND run_record.changed_at > $since
