-- Where the next reading of an instance's runs goes on.
MERGE INTO progress_record AS kept
USING (SELECT $instance AS instance, $cursor AS cursor) AS seen
ON kept.instance = seen.instance
WHEN MATCHED THEN UPDATE SET cursor = seen.cursor
WHEN NOT MATCHED THEN INSERT (instance, cursor) VALUES (seen.instance, seen.cursor)
