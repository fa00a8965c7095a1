-- Attempts of task runs that began before an earlier attempt of the same task run did: they are of a
-- run that was deleted, and made anew under its id. One document per attempt that was seen.
DELETE FROM task_run_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "pipeline": "VARCHAR", "run_id": "VARCHAR", "task_run_id": "VARCHAR",
    "attempt": "BIGINT", "started_at": "TIMESTAMPTZ"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS seen
WHERE kept.attempt > 1
  AND kept.instance = seen.instance AND kept.pipeline = seen.pipeline
  AND kept.run_id = seen.run_id AND kept.task_run_id = seen.task_run_id
  AND kept.attempt > seen.attempt AND kept.started_at < seen.started_at
