-- Keep where pipelines lose their time, in place of what was. One document per pipeline.
MERGE INTO critical_path_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "pipeline": "VARCHAR", "runs": "BIGINT", "makespan_seconds": "DOUBLE",
    "executed_seconds": "DOUBLE", "queued_seconds": "DOUBLE", "waited_seconds": "DOUBLE",
    "ended_until": "TIMESTAMPTZ",
    "tasks": [{
      "task": "VARCHAR", "runs": "BIGINT", "on_path": "DOUBLE", "executed_seconds": "DOUBLE",
      "held_up_seconds": "DOUBLE", "slack_seconds": "DOUBLE", "saves_seconds": "DOUBLE"
    }]
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS seen
ON kept.instance = seen.instance AND kept.pipeline = seen.pipeline
WHEN MATCHED THEN UPDATE SET
  runs = seen.runs,
  makespan_seconds = seen.makespan_seconds,
  executed_seconds = seen.executed_seconds,
  queued_seconds = seen.queued_seconds,
  waited_seconds = seen.waited_seconds,
  ended_until = seen.ended_until,
  tasks = seen.tasks,
  computed_at = $now
WHEN NOT MATCHED THEN INSERT (
  instance, pipeline, runs, makespan_seconds, executed_seconds, queued_seconds, waited_seconds,
  ended_until, tasks, computed_at
) VALUES (
  seen.instance, seen.pipeline, seen.runs, seen.makespan_seconds, seen.executed_seconds,
  seen.queued_seconds, seen.waited_seconds, seen.ended_until, seen.tasks, $now
)
