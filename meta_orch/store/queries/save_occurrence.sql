-- What a trigger has taken note of; a repeat changes nothing.
MERGE INTO trigger_occurrence_record AS kept
USING (
  SELECT $trigger::VARCHAR AS trigger, $upstream::VARCHAR[] AS upstream, $occurrence::VARCHAR AS occurrence
) AS told
ON kept.trigger = told.trigger
  AND kept.upstream = told.upstream
  AND kept.occurrence = told.occurrence
WHEN NOT MATCHED THEN INSERT (trigger, upstream, occurrence, occurred_at, firing)
VALUES (told.trigger, told.upstream, told.occurrence, $occurred_at, $firing)
