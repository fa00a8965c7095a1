-- What became of each pipeline in a time and in one before it, by when its runs ended: (instance,
-- pipeline, runs, failed, seconds of failed runs, seconds queued, last message of a failure, median
-- seconds of successful runs, how many, the same two of the time before).
WITH run AS (
  SELECT
    instance,
    pipeline,
    state IN ('failed', 'upstream_failed') AS is_failed,
    state = 'succeeded' AS is_succeeded,
    greatest(0, epoch(ended_at - started_at)) AS seconds,
    greatest(0, epoch(started_at - queued_at)) AS queued_seconds,
    message,
    ended_at,
    ended_at >= $since AS is_now
  FROM run_record
  WHERE deleted_at IS NULL AND is_finished AND ended_at >= $before AND ended_at < $until
)
SELECT
  instance,
  pipeline,
  count(*) FILTER (is_now) AS runs,
  count(*) FILTER (is_now AND is_failed),
  coalesce(sum(seconds) FILTER (is_now AND is_failed), 0),
  coalesce(sum(queued_seconds) FILTER (is_now), 0),
  arg_max(message, ended_at) FILTER (is_now AND is_failed),
  median(seconds) FILTER (is_now AND is_succeeded),
  count(*) FILTER (is_now AND is_succeeded),
  median(seconds) FILTER (NOT is_now AND is_succeeded),
  count(*) FILTER (NOT is_now AND is_succeeded)
FROM run
GROUP BY instance, pipeline
HAVING runs > 0
ORDER BY instance, pipeline
