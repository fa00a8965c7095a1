-- Earlier incidents of the same cause: how many, how long they took in seconds, and the last one.
SELECT
  count(*) AS incidents,
  median(epoch(resolved_at) - epoch(began_at)) AS seconds,
  max(incident) AS last,
  epoch(max_by(began_at, incident)) AS last_began
FROM incidents
WHERE condition = $condition
  AND subject = $subject
  AND incident <> $incident
  AND state = 'resolved'
  AND resolution NOT LIKE 'it is part of incident%'
