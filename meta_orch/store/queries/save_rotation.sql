-- Keep which pipeline of an instance is to be listed next.
MERGE INTO reconciliation_record AS kept
USING (SELECT $instance AS instance) AS seen
ON kept.instance = seen.instance
WHEN MATCHED THEN UPDATE SET compared_at = $now, next_pipeline = $next_pipeline
WHEN NOT MATCHED THEN INSERT (instance, compared_at, next_pipeline)
VALUES (seen.instance, $now, $next_pipeline)
