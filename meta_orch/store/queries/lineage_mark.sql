-- One row: changes when there is a use more, or less.
SELECT count(*), max(first_seen_at)::VARCHAR FROM dataset_use_record
