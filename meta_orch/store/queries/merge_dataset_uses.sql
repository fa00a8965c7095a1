-- Keep the uses of datasets that a source tells. One document per use, not repeated.
MERGE INTO dataset_use_record AS kept
USING (
  SELECT $source AS source, unnest(from_json_strict(document, '{
    "jobs": [{"namespace": "VARCHAR", "name": "VARCHAR"}], "uri": "VARCHAR",
    "is_written": "BOOLEAN"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS seen
ON kept.source = seen.source AND kept.jobs = seen.jobs AND kept.uri = seen.uri
AND kept.is_written = seen.is_written
WHEN MATCHED THEN UPDATE SET last_seen_at = $now
WHEN NOT MATCHED THEN INSERT (source, jobs, uri, is_written, first_seen_at, last_seen_at)
VALUES (seen.source, seen.jobs, seen.uri, seen.is_written, $now, $now)
