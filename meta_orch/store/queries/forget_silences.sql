-- Silences that were over before.
DELETE FROM silence_record WHERE ends_at < $before
