-- One row per finished run of some pipelines that a trigger has taken no note of, as a document, by
-- their end. One document per pipeline.
WITH wanted AS (
  SELECT unnest(from_json_strict(document, '{"instance": "VARCHAR", "name": "VARCHAR"}'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
)
SELECT to_json(r)
FROM run_record AS r
SEMI JOIN wanted ON wanted.instance = r.instance AND wanted.name = r.pipeline
ANTI JOIN (SELECT * FROM trigger_occurrence_record WHERE trigger = $trigger) AS t
  ON t.upstream = [r.instance] || string_split(r.pipeline, '/') AND t.occurrence = r.run_id
WHERE r.is_finished
  AND r.deleted_at IS NULL
  AND r.state IN (SELECT unnest($states::VARCHAR[]))
  AND r.ended_at > $since
ORDER BY r.ended_at, r.instance, r.pipeline, r.run_id
