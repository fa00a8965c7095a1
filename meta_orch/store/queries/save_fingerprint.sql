-- What the kept catalogue of an instance was like, to tell whether it changed.
MERGE INTO progress_record AS kept
USING (SELECT $instance AS instance, $fingerprint AS fingerprint) AS seen
ON kept.instance = seen.instance
WHEN MATCHED THEN UPDATE SET fingerprint = seen.fingerprint
WHEN NOT MATCHED THEN INSERT (instance, fingerprint) VALUES (seen.instance, seen.fingerprint)
