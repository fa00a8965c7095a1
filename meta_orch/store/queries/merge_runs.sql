-- Keep runs as last seen. One document per run, keys not repeated.
-- A run that is as it was is not written again; one that was marked deleted and is seen again is back.
MERGE INTO run_record AS kept
USING (
  SELECT * REPLACE (parameters::JSON AS parameters)
  FROM (
    SELECT unnest(from_json_strict(document, '{
      "instance": "VARCHAR", "pipeline": "VARCHAR", "run_id": "VARCHAR", "state": "VARCHAR",
      "native_state": "VARCHAR", "attempt": "BIGINT", "trigger": "VARCHAR",
      "logical_start": "TIMESTAMPTZ", "logical_end": "TIMESTAMPTZ", "scheduled_at": "TIMESTAMPTZ",
      "queued_at": "TIMESTAMPTZ", "started_at": "TIMESTAMPTZ", "ended_at": "TIMESTAMPTZ",
      "parameters": "VARCHAR", "parent_run_id": "VARCHAR", "pipeline_version": "VARCHAR",
      "queue": "VARCHAR", "message": "VARCHAR", "url": "VARCHAR", "is_finished": "BOOLEAN",
      "effective_at": "TIMESTAMPTZ", "revision_id": "UUID"
    }'))
    FROM (SELECT unnest($documents::VARCHAR[]) AS document)
  )
) AS seen
ON kept.instance = seen.instance AND kept.pipeline = seen.pipeline AND kept.run_id = seen.run_id
WHEN MATCHED AND (
  kept.deleted_at IS NOT NULL
  OR (
    kept.state, kept.native_state, kept.attempt, kept.trigger, kept.logical_start,
    kept.logical_end, kept.scheduled_at, kept.queued_at, kept.started_at, kept.ended_at,
    kept.parameters, kept.parent_run_id, kept.pipeline_version, kept.queue, kept.message, kept.url
  ) IS DISTINCT FROM (
    seen.state, seen.native_state, seen.attempt, seen.trigger, seen.logical_start,
    seen.logical_end, seen.scheduled_at, seen.queued_at, seen.started_at, seen.ended_at,
    seen.parameters, seen.parent_run_id, seen.pipeline_version, seen.queue, seen.message, seen.url
  )
) THEN UPDATE SET
  state = seen.state,
  native_state = seen.native_state,
  attempt = seen.attempt,
  trigger = seen.trigger,
  logical_start = seen.logical_start,
  logical_end = seen.logical_end,
  scheduled_at = seen.scheduled_at,
  queued_at = seen.queued_at,
  started_at = seen.started_at,
  ended_at = seen.ended_at,
  parameters = seen.parameters,
  parent_run_id = seen.parent_run_id,
  pipeline_version = seen.pipeline_version,
  queue = seen.queue,
  message = seen.message,
  url = seen.url,
  is_finished = seen.is_finished,
  effective_at = seen.effective_at,
  revision_id = seen.revision_id,
  changed_at = $now,
  deleted_at = NULL
WHEN NOT MATCHED THEN INSERT (
  instance, pipeline, run_id, state, native_state, attempt, trigger, logical_start, logical_end,
  scheduled_at, queued_at, started_at, ended_at, parameters, parent_run_id, pipeline_version,
  queue, message, url, is_finished, effective_at, revision_id, first_seen_at, changed_at
) VALUES (
  seen.instance, seen.pipeline, seen.run_id, seen.state, seen.native_state, seen.attempt,
  seen.trigger, seen.logical_start, seen.logical_end, seen.scheduled_at, seen.queued_at,
  seen.started_at, seen.ended_at, seen.parameters, seen.parent_run_id, seen.pipeline_version,
  seen.queue, seen.message, seen.url, seen.is_finished, seen.effective_at, seen.revision_id, $now, $now
)
