-- Keep where the next reading of a source of events goes on.
MERGE INTO lineage_source_record AS kept
USING (SELECT $source AS source, $cursor AS cursor) AS seen
ON kept.source = seen.source
WHEN MATCHED THEN UPDATE SET cursor = seen.cursor, read_at = $now
WHEN NOT MATCHED THEN INSERT (source, cursor, read_at) VALUES (seen.source, seen.cursor, $now)
