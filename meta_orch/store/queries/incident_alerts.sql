-- The alerts of an incident, by when they joined it, as documents.
SELECT document
FROM alert_record
WHERE incident = $incident
ORDER BY document ->> 'joined_at', fingerprint
