-- The highest number of an incident; 0 where there is none.
SELECT coalesce(max(id), 0) FROM incident_record
