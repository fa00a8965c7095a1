-- One row per trigger: since when what happens counts, in seconds since 1970.
SELECT name, epoch(first_seen_at) FROM trigger_record
