-- Keep attempts of task runs as last seen. One document per attempt, keys not repeated.
-- An attempt that is as it was is not written again.
MERGE INTO task_run_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "pipeline": "VARCHAR", "run_id": "VARCHAR", "task_run_id": "VARCHAR",
    "attempt": "BIGINT", "task": "VARCHAR", "state": "VARCHAR", "native_state": "VARCHAR",
    "map_index": "BIGINT", "scheduled_at": "TIMESTAMPTZ", "queued_at": "TIMESTAMPTZ",
    "started_at": "TIMESTAMPTZ", "ended_at": "TIMESTAMPTZ", "pool": "VARCHAR",
    "slots": "BIGINT", "queue": "VARCHAR", "worker": "VARCHAR", "upstream_task_run_ids": ["VARCHAR"], "child_run_id": "VARCHAR",
    "message": "VARCHAR", "url": "VARCHAR"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS seen
ON kept.instance = seen.instance AND kept.pipeline = seen.pipeline AND kept.run_id = seen.run_id
  AND kept.task_run_id = seen.task_run_id AND kept.attempt = seen.attempt
WHEN MATCHED AND (
  kept.task, kept.state, kept.native_state, kept.map_index, kept.scheduled_at, kept.queued_at,
  kept.started_at, kept.ended_at, kept.pool, kept.slots, kept.queue, kept.worker, kept.upstream_task_run_ids,
  kept.child_run_id, kept.message, kept.url
) IS DISTINCT FROM (
  seen.task, seen.state, seen.native_state, seen.map_index, seen.scheduled_at, seen.queued_at,
  seen.started_at, seen.ended_at, seen.pool, seen.slots, seen.queue, seen.worker, seen.upstream_task_run_ids,
  seen.child_run_id, seen.message, seen.url
) THEN UPDATE SET
  task = seen.task,
  state = seen.state,
  native_state = seen.native_state,
  map_index = seen.map_index,
  scheduled_at = seen.scheduled_at,
  queued_at = seen.queued_at,
  started_at = seen.started_at,
  ended_at = seen.ended_at,
  pool = seen.pool,
  slots = seen.slots,
  queue = seen.queue,
  worker = seen.worker,
  upstream_task_run_ids = seen.upstream_task_run_ids,
  child_run_id = seen.child_run_id,
  message = seen.message,
  url = seen.url,
  changed_at = $now
WHEN NOT MATCHED THEN INSERT (
  instance, pipeline, run_id, task_run_id, attempt, task, state, native_state, map_index,
  scheduled_at, queued_at, started_at, ended_at, pool, slots, queue, worker,
  upstream_task_run_ids, child_run_id, message, url, changed_at
) VALUES (
  seen.instance, seen.pipeline, seen.run_id, seen.task_run_id, seen.attempt, seen.task,
  seen.state, seen.native_state, seen.map_index, seen.scheduled_at, seen.queued_at,
  seen.started_at, seen.ended_at, seen.pool, seen.slots, seen.queue, seen.worker, seen.upstream_task_run_ids,
  seen.child_run_id, seen.message, seen.url, $now
)
