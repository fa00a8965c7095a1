-- What a source has not told for long counts no longer.
DELETE FROM dataset_use_record WHERE source = $source AND last_seen_at < $before
