-- Since when each pipeline is known: when it was first read, or its first run that the store has was
-- due: (instance, pipeline, seconds since 1970, tags).
SELECT
  p.instance,
  p.name,
  epoch(least(
    p.first_seen_at,
    coalesce(min(coalesce(r.logical_end, r.scheduled_at, r.queued_at, r.started_at)), p.first_seen_at)
  )),
  any_value(p.tags)
FROM pipeline_record AS p
LEFT JOIN run_record AS r
  ON r.instance = p.instance AND r.pipeline = p.name AND r.deleted_at IS NULL
WHERE p.removed_at IS NULL
GROUP BY p.instance, p.name, p.first_seen_at
