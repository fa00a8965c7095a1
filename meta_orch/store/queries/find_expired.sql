-- Temporary table `expired`, one row per run that the store has kept for long enough: it is forgotten
-- with its task runs, or (not is_forgotten) they alone are.
-- What has not ended, the last runs of each pipeline, what is kept for a reason and what an open
-- incident is about never expire.
CREATE OR REPLACE TEMPORARY TABLE expired AS
SELECT
  instance,
  pipeline,
  run_id,
  coalesce(since < $runs_before, false) AS is_forgotten
FROM (
  SELECT
    instance,
    pipeline,
    run_id,
    coalesce(deleted_at, ended_at, effective_at, changed_at) AS since,
    deleted_at IS NULL AND row_number() OVER newest_first <= $last_runs AS is_among_last
  FROM run_record
  WHERE is_finished OR deleted_at IS NOT NULL
  WINDOW newest_first AS (
    PARTITION BY instance, pipeline, deleted_at IS NULL
    ORDER BY coalesce(effective_at, '0001-01-01'::TIMESTAMPTZ) DESC, run_id DESC
  )
)
ANTI JOIN kept_run_record USING (instance, pipeline, run_id)
ANTI JOIN (
  SELECT
    a.document -> 'alert' -> 'pipeline' ->> 'instance' AS instance,
    a.document -> 'alert' -> 'pipeline' ->> 'name' AS pipeline,
    a.document -> 'alert' ->> 'run_id' AS run_id
  FROM alert_record AS a
  JOIN incident_record AS i ON i.id = a.incident AND i.is_open
) AS of_incident USING (instance, pipeline, run_id)
WHERE NOT is_among_last AND since < greatest($runs_before, $task_runs_before)
