-- Incidents that were resolved before.
DELETE FROM incident_record WHERE NOT is_open AND resolved_at < $before
