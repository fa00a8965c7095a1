-- Incidents that are open, were resolved since, or all, as documents; the last first.
SELECT document
FROM incident_record
WHERE ($id IS NULL OR id = $id)
  AND ($since IS NULL OR is_open OR resolved_at >= $since)
ORDER BY id DESC
