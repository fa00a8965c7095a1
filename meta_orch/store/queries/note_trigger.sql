-- When a trigger was first evaluated; kept as it is where it was before.
MERGE INTO trigger_record AS kept
USING (SELECT $name::VARCHAR AS name) AS seen
ON kept.name = seen.name
WHEN NOT MATCHED THEN INSERT (name, first_seen_at) VALUES (seen.name, $now)
