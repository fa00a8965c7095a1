-- The day (UTC) on which the first run was queued that the store has: (day), NULL where there is none.
SELECT min(coalesce(queued_at, started_at))::DATE
FROM run_record
WHERE deleted_at IS NULL AND state <> 'scheduled'
