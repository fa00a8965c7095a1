-- One row: when the first pipeline of an instance was first seen.
SELECT min(first_seen_at) FROM pipeline_record WHERE instance = $instance
