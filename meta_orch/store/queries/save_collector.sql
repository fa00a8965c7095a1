-- How the last reading of one instance went, as one document.
MERGE INTO collector_record AS kept
USING (
  SELECT unnest(from_json_strict($document, '{
    "instance": "VARCHAR", "attempted_at": "TIMESTAMPTZ", "succeeded_at": "TIMESTAMPTZ",
    "caught_up": "BOOLEAN", "error": "VARCHAR", "server_version": "VARCHAR",
    "catalogue_read_at": "TIMESTAMPTZ", "failures": "BIGINT", "retry_at": "TIMESTAMPTZ"
  }'))
) AS seen
ON kept.instance = seen.instance
WHEN MATCHED THEN UPDATE SET
  attempted_at = seen.attempted_at,
  succeeded_at = seen.succeeded_at,
  caught_up = seen.caught_up,
  error = seen.error,
  server_version = seen.server_version,
  catalogue_read_at = seen.catalogue_read_at,
  failures = seen.failures,
  retry_at = seen.retry_at
WHEN NOT MATCHED THEN INSERT (
  instance, attempted_at, succeeded_at, caught_up, error, server_version, catalogue_read_at,
  failures, retry_at
) VALUES (
  seen.instance, seen.attempted_at, seen.succeeded_at, seen.caught_up, seen.error,
  seen.server_version, seen.catalogue_read_at, seen.failures, seen.retry_at
)
