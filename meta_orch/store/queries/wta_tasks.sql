-- The tasks of some workflows of such a trace, likewise.
SELECT COLUMNS(
  c -> c IN (
    'id', 'workflow_id', 'type', 'ts_submit', 'wait_time', 'runtime', 'parents', 'resource_used'
  )
)
FROM read_parquet($files)
WHERE list_contains($workflows, workflow_id)
ORDER BY workflow_id, ts_submit, id
