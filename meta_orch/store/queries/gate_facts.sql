-- One row per pipeline: what gates need to know of its runs. One document per pipeline, with the
-- instant since when what its runs are due for matters. Instants are seconds since 1970.
WITH
wanted AS (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "pipeline": "VARCHAR", "since": "DOUBLE"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
),
run AS (
  SELECT
    r.instance,
    r.pipeline,
    r.run_id,
    r.state,
    r.is_finished,
    wanted.since,
    epoch(coalesce(r.logical_end, r.scheduled_at, r.queued_at, r.started_at)) AS due,
    epoch(r.started_at) AS started,
    epoch(r.ended_at) AS ended
  FROM run_record AS r
  JOIN wanted ON wanted.instance = r.instance AND wanted.pipeline = r.pipeline
  WHERE r.deleted_at IS NULL AND r.state <> 'scheduled'
)
SELECT
  instance,
  pipeline,
  list((run_id, state, due, started, ended) ORDER BY coalesce(ended, started, due), run_id)
    FILTER (due >= since OR NOT is_finished),
  max(ended) FILTER (state = 'succeeded'),
  max_by((run_id, state, due, started, ended), (ended, run_id)) FILTER (is_finished),
  max(due) FILTER (started IS NOT NULL),
  max(started)
FROM run
GROUP BY ALL
