-- Those of pipelines that no longer exist.
DELETE FROM critical_path_record AS known
WHERE NOT EXISTS (
  FROM pipeline_record AS p
  WHERE p.instance = known.instance AND p.name = known.pipeline AND p.removed_at IS NULL
)
