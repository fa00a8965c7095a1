-- One row per pipeline that has runs: the latest by effective time, as a document.
-- What is only planned for later (scheduled) is left out; with `finished`, what has not ended too.
WITH latest AS (
  -- The narrow columns first: to carry whole rows through the choice costs ten times as much.
  SELECT
    instance,
    pipeline,
    max_by(run_id, (coalesce(effective_at, '0001-01-01'::TIMESTAMPTZ), run_id)) AS run_id
  FROM run_record
  WHERE state <> 'scheduled'
    AND deleted_at IS NULL
    AND (is_finished OR NOT $finished)
    AND ($instance IS NULL OR instance = $instance)
  GROUP BY ALL
)
SELECT to_json(r)
FROM run_record AS r
SEMI JOIN latest USING (instance, pipeline, run_id)
