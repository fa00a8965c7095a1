-- The hours in which a resource was in use or wanted, from the table resource_step.
INSERT INTO resource_hour_record BY NAME
SELECT
  kind,
  resource,
  time_bucket(INTERVAL 1 HOUR, moment) AS hour,
  -- Where it changed within the hour, the last one.
  arg_max(capacity, moment) AS capacity,
  max(running) AS peak_running,
  max(running + queued) AS peak_wanted,
  sum(running * epoch(until - moment)) AS running_unit_seconds,
  sum(queued * epoch(until - moment)) AS queued_unit_seconds,
  coalesce(sum(greatest(0, running + queued - capacity) * epoch(until - moment)), 0)
    AS excess_unit_seconds,
  coalesce(sum(epoch(until - moment)) FILTER (running + queued > capacity), 0) AS saturated_seconds
FROM resource_step
GROUP BY ALL
HAVING peak_wanted > 0
