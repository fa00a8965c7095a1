-- Days (UTC) up to today of which the store was told something since they were measured, or which
-- were measured by other uses of resources: (day), the last first. A run bears on every day that it
-- was queued or ran on; one that goes on, on all up to today.
WITH touched AS (
  SELECT
    greatest(changed_at, deleted_at) AS told_at,
    coalesce(queued_at, started_at)::DATE AS since,
    least(coalesce(ended_at, CASE WHEN NOT is_finished THEN $now END, started_at), $now)::DATE
      AS until
  FROM run_record
  WHERE state <> 'scheduled' AND coalesce(queued_at, started_at) <= $now
),
day AS (
  SELECT unnest(range(since, until + INTERVAL 1 DAY, INTERVAL 1 DAY))::DATE AS day, told_at
  FROM touched
)
SELECT day.day
FROM day
LEFT JOIN measured_day_record AS measured USING (day)
GROUP BY day.day, measured.uses, measured.measured_at
HAVING measured.measured_at IS NULL
  OR measured.uses IS DISTINCT FROM $uses
  OR max(day.told_at) > measured.measured_at
  OR (day.day = $now::DATE)
ORDER BY day.day DESC
