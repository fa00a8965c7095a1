-- What is known of Dagster assets, in place of what was. One document per asset.
MERGE INTO asset_fact_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "path": ["VARCHAR"], "materialized_at": "TIMESTAMPTZ", "failed_at": "TIMESTAMPTZ",
    "checks": "JSON"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS told
ON kept.path = told.path
WHEN MATCHED THEN UPDATE SET
  materialized_at = told.materialized_at,
  failed_at = told.failed_at,
  checks = told.checks,
  seen_at = $now
WHEN NOT MATCHED THEN INSERT (path, materialized_at, failed_at, checks, seen_at)
VALUES (told.path, told.materialized_at, told.failed_at, told.checks, $now)
