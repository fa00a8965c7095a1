-- Outcomes of runs that Dagster now shows. One document per run, revisions not repeated.
MERGE INTO mirrored_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "revision_id": "UUID", "instance": "VARCHAR", "pipeline": "VARCHAR", "run_id": "VARCHAR"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS seen
ON kept.revision_id = seen.revision_id
WHEN NOT MATCHED THEN INSERT (revision_id, instance, pipeline, run_id, mirrored_at)
VALUES (seen.revision_id, seen.instance, seen.pipeline, seen.run_id, $now)
