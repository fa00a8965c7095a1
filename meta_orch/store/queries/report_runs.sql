-- What was under way in a time: (instance, pipeline, run_id, state, queued, started, ended: seconds
-- since 1970, the end of what goes on being NULL), by start.
SELECT
  instance,
  pipeline,
  run_id,
  state,
  epoch(coalesce(queued_at, started_at)),
  epoch(started_at),
  epoch(ended_at)
FROM run_record
WHERE deleted_at IS NULL
  AND started_at < $until
  AND (ended_at > $since OR NOT is_finished)
ORDER BY started_at, instance, pipeline, run_id
