-- Runs of some pipelines that ended since, or have not, as documents; what is only planned for later
-- is left out. One document per pipeline.
WITH wanted AS (
  SELECT unnest(from_json_strict(document, '{"instance": "VARCHAR", "pipeline": "VARCHAR"}'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
)
SELECT to_json(r)
FROM run_record AS r
SEMI JOIN wanted USING (instance, pipeline)
WHERE r.deleted_at IS NULL
  AND r.state <> 'scheduled'
  AND (r.ended_at >= $since OR NOT r.is_finished)
