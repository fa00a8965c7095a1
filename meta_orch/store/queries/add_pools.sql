-- One document per pool.
INSERT INTO pool_record
SELECT unnest(from_json_strict(document, '{
  "instance": "VARCHAR", "name": "VARCHAR", "slots": "INTEGER", "running": "INTEGER",
  "queued": "INTEGER"
}')), $now::TIMESTAMPTZ
FROM (SELECT unnest($documents::VARCHAR[]) AS document)
