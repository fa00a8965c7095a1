-- Who used a resource since a day: (instance, pipeline, running, queued and saturated unit-seconds),
-- who had most of it while it was saturated first.
SELECT
  instance,
  pipeline,
  sum(running_unit_seconds),
  sum(queued_unit_seconds),
  sum(saturated_unit_seconds)
FROM resource_user_record
WHERE kind = $kind AND resource = $resource AND day >= $since
GROUP BY instance, pipeline
ORDER BY sum(saturated_unit_seconds) DESC, sum(running_unit_seconds) DESC, instance, pipeline
