-- What ran in a time, by when it ended: one row (runs, succeeded, failed, pipelines, executing
-- seconds, seconds of failed runs, seconds queued).
SELECT
  count(*),
  count(*) FILTER (state = 'succeeded'),
  count(*) FILTER (state IN ('failed', 'upstream_failed')),
  count(DISTINCT (instance, pipeline)),
  coalesce(sum(greatest(0, epoch(ended_at - started_at))), 0),
  coalesce(
    sum(greatest(0, epoch(ended_at - started_at)))
      FILTER (state IN ('failed', 'upstream_failed')),
    0
  ),
  coalesce(sum(greatest(0, epoch(started_at - queued_at))), 0)
FROM run_record
WHERE deleted_at IS NULL AND is_finished AND ended_at >= $since AND ended_at < $until
