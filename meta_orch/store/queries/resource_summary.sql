-- One row per resource that was in use or wanted in some hours: (kind, resource, capacity, peak
-- running, peak wanted, running, queued and excess unit-seconds, saturated seconds).
SELECT
  kind,
  resource,
  arg_max(capacity, hour),
  max(peak_running),
  max(peak_wanted),
  sum(running_unit_seconds),
  sum(queued_unit_seconds),
  sum(excess_unit_seconds),
  sum(saturated_seconds)
FROM resource_hour_record
WHERE hour >= $since AND hour < $until
GROUP BY kind, resource
ORDER BY sum(excess_unit_seconds) DESC, kind, resource
