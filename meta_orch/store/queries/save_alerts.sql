-- Alerts of incidents, in place of what was known of them.
MERGE INTO alert_record AS kept
USING (
  SELECT
    document ->> 'fingerprint' AS fingerprint,
    (document ->> 'incident')::BIGINT AS incident,
    (document ->> 'ended_at')::TIMESTAMPTZ AS ended_at,
    document
  FROM (SELECT unnest($documents::JSON[]) AS document)
) AS told
ON kept.fingerprint = told.fingerprint AND kept.incident = told.incident
WHEN MATCHED THEN UPDATE SET ended_at = told.ended_at, document = told.document
WHEN NOT MATCHED THEN INSERT VALUES (told.fingerprint, told.incident, told.ended_at, told.document)
