-- A silence, in place of what was known of it.
MERGE INTO silence_record AS kept
USING (
  SELECT unnest(from_json_strict($document::VARCHAR, '{
    "id": "BIGINT", "matchers": ["VARCHAR"], "starts_at": "TIMESTAMPTZ", "ends_at": "TIMESTAMPTZ",
    "author": "VARCHAR", "comment": "VARCHAR"
  }'))
) AS told
ON kept.id = told.id
WHEN MATCHED THEN UPDATE SET ends_at = told.ends_at
WHEN NOT MATCHED THEN INSERT VALUES (
  told.id, told.matchers, told.starts_at, told.ends_at, told.author, told.comment
)
