-- One document per pool.
INSERT INTO pool_record
SELECT unnest(from_json_strict(document, '{
  "instance": "VARCHAR", "name": "VARCHAR", "slots": "BIGINT", "running": "BIGINT",
  "queued": "BIGINT"
}')), $now::TIMESTAMPTZ
FROM (SELECT unnest($documents::VARCHAR[]) AS document)
