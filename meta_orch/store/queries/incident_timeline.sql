-- What happened to an incident, as documents; instants in seconds since 1970.
SELECT to_json({
  'incident': incident, 'at': epoch(happened_at), 'kind': kind, 'text': event_text, 'by': done_by
})
FROM incident_event_record
WHERE incident = $incident
ORDER BY happened_at, rowid
