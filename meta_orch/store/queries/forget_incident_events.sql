-- The timelines of incidents that are no more there.
DELETE FROM incident_event_record WHERE incident NOT IN (SELECT id FROM incident_record)
