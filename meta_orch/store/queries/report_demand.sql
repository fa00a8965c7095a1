-- The hours of resources in a time: (kind, resource, hour: seconds since 1970, capacity, peak
-- running, peak wanted), by resource and hour.
SELECT kind, resource, epoch(hour), capacity, peak_running, peak_wanted
FROM resource_hour_record
WHERE hour >= $since AND hour < $until
ORDER BY kind, resource, hour
