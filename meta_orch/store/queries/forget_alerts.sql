-- Alerts of incidents that are no more there.
DELETE FROM alert_record WHERE incident NOT IN (SELECT id FROM incident_record)
