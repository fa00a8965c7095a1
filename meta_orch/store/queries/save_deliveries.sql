-- Messages to receivers, in place of what was known of them.
MERGE INTO delivery_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "id": "VARCHAR", "receiver": "VARCHAR", "state": "VARCHAR", "created_at": "TIMESTAMPTZ",
    "next_attempt_at": "TIMESTAMPTZ", "attempts": "BIGINT", "delivered_at": "TIMESTAMPTZ",
    "error": "VARCHAR", "message": "JSON"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS told
ON kept.id = told.id
WHEN MATCHED THEN UPDATE SET
  state = told.state,
  next_attempt_at = told.next_attempt_at,
  attempts = told.attempts,
  delivered_at = told.delivered_at,
  error = told.error
WHEN NOT MATCHED THEN INSERT VALUES (
  told.id, told.receiver, told.state, told.created_at, told.next_attempt_at, told.attempts,
  told.delivered_at, told.error, told.message
)
