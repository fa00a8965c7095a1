-- The runs that alerts of open incidents are about, and those of alerts that ended since $since.
SELECT a.incident, r.instance, r.pipeline, r.run_id, r.revision_id
FROM alert_record AS a
JOIN incident_record AS i ON i.id = a.incident
JOIN run_record AS r
  ON r.instance = (a.document -> 'alert' -> 'pipeline' ->> 'instance')
  AND r.pipeline = (a.document -> 'alert' -> 'pipeline' ->> 'name')
  AND r.run_id = (a.document -> 'alert' ->> 'run_id')
WHERE i.is_open OR a.ended_at >= $since
ORDER BY a.incident, r.instance, r.pipeline, r.run_id
