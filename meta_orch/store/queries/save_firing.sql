-- A firing, in place of what was known of it before.
MERGE INTO firing_record AS kept
USING (
  SELECT unnest(from_json_strict($document::VARCHAR, '{
    "id": "VARCHAR", "trigger": "VARCHAR", "instance": "VARCHAR", "pipeline": "VARCHAR",
    "fired_at": "TIMESTAMPTZ", "state": "VARCHAR", "parameters": "JSON", "reason": "VARCHAR",
    "run_id": "VARCHAR", "followed_at": "TIMESTAMPTZ", "ended_at": "TIMESTAMPTZ",
    "message": "VARCHAR"
  }'))
) AS told
ON kept.id = told.id
WHEN MATCHED THEN UPDATE SET
  state = told.state,
  run_id = told.run_id,
  followed_at = told.followed_at,
  ended_at = told.ended_at,
  message = told.message
WHEN NOT MATCHED THEN INSERT (
  id, trigger, instance, pipeline, fired_at, state, parameters, reason, run_id, followed_at,
  ended_at, message
) VALUES (
  told.id, told.trigger, told.instance, told.pipeline, told.fired_at, told.state, told.parameters,
  told.reason, told.run_id, told.followed_at, told.ended_at, told.message
)
