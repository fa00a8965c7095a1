-- One row per pipeline that has runs: what alerts need to know of them, as it was at $now. Canceled
-- and skipped runs say nothing of whether it works. Instants are seconds since 1970.
WITH
run AS (
  SELECT
    instance,
    pipeline,
    run_id,
    state,
    parent_run_id,
    epoch(coalesce(logical_end, scheduled_at, queued_at, started_at)) AS due,
    epoch(queued_at) AS queued,
    epoch(started_at) AS started,
    epoch(coalesce(ended_at, effective_at)) AS ended,
    is_finished AND coalesce(ended_at, effective_at) <= $now AS is_over
  FROM run_record
  WHERE deleted_at IS NULL
    AND state <> 'scheduled'
    AND ($pipelines IS NULL OR list_contains($pipelines, instance || '/' || pipeline))
    AND least(queued_at, started_at, coalesce(ended_at, effective_at)) <= $now
),
pipeline AS (
  SELECT
    instance,
    pipeline,
    max_by((run_id, state, due, queued, started, ended, parent_run_id), (ended, run_id))
      FILTER (is_over AND state IN ('succeeded', 'failed', 'upstream_failed')) AS last,
    max(ended) FILTER (is_over AND state = 'succeeded') AS last_success,
    list((run_id, state, due, queued, started, ended, parent_run_id) ORDER BY due, run_id)
      FILTER (NOT is_over) AS open_runs,
    max(due) FILTER (started IS NOT NULL OR is_over) AS last_due
  FROM run
  GROUP BY ALL
),
streak AS (
  SELECT r.instance, r.pipeline, count(*) AS failures, min(r.ended) AS failing_since
  FROM run AS r
  JOIN pipeline AS p ON p.instance = r.instance AND p.pipeline = r.pipeline
  WHERE p.last[2] <> 'succeeded'
    AND r.is_over
    AND r.state IN ('failed', 'upstream_failed')
    AND r.ended > coalesce(p.last_success, '-infinity'::DOUBLE)
  GROUP BY ALL
)
SELECT
  p.instance,
  p.pipeline,
  p.last,
  p.last_success,
  p.open_runs,
  p.last_due,
  coalesce(s.failures, 0),
  s.failing_since,
  r.message,
  r.url
FROM pipeline AS p
LEFT JOIN streak AS s ON s.instance = p.instance AND s.pipeline = p.pipeline
LEFT JOIN run_record AS r
  ON s.failures > 0
  AND r.instance = p.instance AND r.pipeline = p.pipeline AND r.run_id = p.last[1]
