-- What happened to incidents.
INSERT INTO incident_event_record
SELECT incident, "at", kind, "text", "by"
FROM (
  SELECT unnest(from_json_strict(document, '{
    "incident": "BIGINT", "at": "TIMESTAMPTZ", "kind": "VARCHAR", "text": "VARCHAR", "by": "VARCHAR"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
)
