-- One row per thing that a trigger has taken note of since an instant.
SELECT upstream, occurrence
FROM trigger_occurrence_record
WHERE trigger = $trigger AND occurred_at >= $since
