-- Alerts that are not over, as documents.
SELECT a.document
FROM alert_record AS a
WHERE a.ended_at IS NULL
