-- Incidents that were noticed within a time, as documents; without those that turned out to be part
-- of another, and those that began long before they were noticed.
SELECT document
FROM incident_record
WHERE (document ->> 'opened_at')::TIMESTAMPTZ >= $since
  AND (document ->> 'opened_at')::TIMESTAMPTZ < $until
  AND NOT (document ->> 'is_old')::BOOLEAN
  AND coalesce(document ->> 'resolution', '') NOT LIKE 'it is part of incident%'
ORDER BY id
