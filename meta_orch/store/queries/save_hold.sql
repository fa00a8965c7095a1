-- A hold, in place of what was known of it before.
MERGE INTO hold_record AS kept
USING (
  SELECT unnest(from_json_strict($document::VARCHAR, '{
    "id": "VARCHAR", "instance": "VARCHAR", "pipeline": "VARCHAR", "due_at": "TIMESTAMPTZ",
    "owner": "VARCHAR", "reason": "VARCHAR", "begun_at": "TIMESTAMPTZ",
    "expires_at": "TIMESTAMPTZ", "state": "VARCHAR", "is_dry_run": "BOOLEAN",
    "ended_at": "TIMESTAMPTZ", "ended_because": "VARCHAR"
  }'))
) AS told
ON kept.id = told.id
WHEN MATCHED THEN UPDATE SET
  reason = told.reason,
  state = told.state,
  ended_at = told.ended_at,
  ended_because = told.ended_because
WHEN NOT MATCHED THEN INSERT (
  id, instance, pipeline, due_at, owner, reason, begun_at, expires_at, state, is_dry_run, ended_at,
  ended_because
) VALUES (
  told.id, told.instance, told.pipeline, told.due_at, told.owner, told.reason, told.begun_at,
  told.expires_at, told.state, told.is_dry_run, told.ended_at, told.ended_because
)
