-- Incidents, in place of what was known of them.
MERGE INTO incident_record AS kept
USING (
  SELECT
    (document ->> 'id')::BIGINT AS id,
    document ->> 'state' <> 'resolved' AS is_open,
    (document ->> 'resolved_at')::TIMESTAMPTZ AS resolved_at,
    document
  FROM (SELECT unnest($documents::JSON[]) AS document)
) AS told
ON kept.id = told.id
WHEN MATCHED THEN UPDATE SET
  is_open = told.is_open, resolved_at = told.resolved_at, document = told.document
WHEN NOT MATCHED THEN INSERT VALUES (told.id, told.is_open, told.resolved_at, told.document)
