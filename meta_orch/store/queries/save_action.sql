-- An action, in place of what was known of it before.
MERGE INTO action_record AS kept
USING (
  SELECT unnest(from_json_strict($document::VARCHAR, '{
    "id": "VARCHAR", "instance": "VARCHAR", "pipeline": "VARCHAR", "kind": "VARCHAR",
    "reason": "VARCHAR", "done_by": "VARCHAR", "done_through": "VARCHAR",
    "acted_at": "TIMESTAMPTZ", "outcome": "VARCHAR", "before": "VARCHAR", "after": "VARCHAR",
    "message": "VARCHAR", "undoes": "VARCHAR"
  }'))
) AS told
ON kept.id = told.id
WHEN MATCHED THEN UPDATE SET
  reason = told.reason,
  done_through = told.done_through,
  acted_at = told.acted_at,
  outcome = told.outcome,
  before = told.before,
  after = told.after,
  message = told.message
WHEN NOT MATCHED THEN INSERT (
  id, instance, pipeline, kind, reason, done_by, done_through, acted_at, outcome, before, after,
  message, undoes
) VALUES (
  told.id, told.instance, told.pipeline, told.kind, told.reason, told.done_by, told.done_through,
  told.acted_at, told.outcome, told.before, told.after, told.message, told.undoes
)
