-- Keep pipelines as a catalogue gives them. One document per pipeline, keys not repeated.
-- A pipeline that is as it was is not written again.
MERGE INTO pipeline_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "name": "VARCHAR", "orchestrator": "VARCHAR", "native_id": "VARCHAR",
    "description": "VARCHAR", "owners": ["VARCHAR"], "tags": ["VARCHAR"], "is_paused": "BOOLEAN",
    "url": "VARCHAR", "version": "VARCHAR", "source_path": "VARCHAR",
    "schedules": [{
      "kind": "VARCHAR", "expression": "VARCHAR", "interval_seconds": "DOUBLE",
      "anchor": "TIMESTAMPTZ", "timezone": "VARCHAR", "is_active": "BOOLEAN",
      "next_at": "TIMESTAMPTZ", "name": "VARCHAR"
    }],
    "tasks": [{
      "name": "VARCHAR", "kind": "VARCHAR", "upstream": ["VARCHAR"], "retries": "BIGINT",
      "timeout_seconds": "DOUBLE", "pool": "VARCHAR", "trigger_rule": "VARCHAR",
      "is_mapped": "BOOLEAN"
    }],
    "consumes": [{"uri": "VARCHAR", "name": "VARCHAR"}],
    "produces": [{"uri": "VARCHAR", "name": "VARCHAR"}],
    "triggers": [{"instance": "VARCHAR", "name": "VARCHAR"}],
    "waits_for": [{"instance": "VARCHAR", "name": "VARCHAR"}],
    "max_active_runs": "BIGINT"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS seen
ON kept.instance = seen.instance AND kept.name = seen.name
WHEN MATCHED AND (
  kept.removed_at IS NOT NULL
  OR (
    kept.orchestrator, kept.native_id, kept.description, kept.owners, kept.tags, kept.is_paused,
    kept.url, kept.version, kept.source_path, kept.schedules, kept.tasks, kept.consumes,
    kept.produces, kept.triggers, kept.waits_for, kept.max_active_runs
  ) IS DISTINCT FROM (
    seen.orchestrator, seen.native_id, seen.description, seen.owners, seen.tags, seen.is_paused,
    seen.url, seen.version, seen.source_path, seen.schedules, seen.tasks, seen.consumes,
    seen.produces, seen.triggers, seen.waits_for, seen.max_active_runs
  )
) THEN UPDATE SET
  orchestrator = seen.orchestrator,
  native_id = seen.native_id,
  description = seen.description,
  owners = seen.owners,
  tags = seen.tags,
  is_paused = seen.is_paused,
  url = seen.url,
  version = seen.version,
  source_path = seen.source_path,
  schedules = seen.schedules,
  tasks = seen.tasks,
  consumes = seen.consumes,
  produces = seen.produces,
  triggers = seen.triggers,
  waits_for = seen.waits_for,
  max_active_runs = seen.max_active_runs,
  changed_at = $now,
  removed_at = NULL
WHEN NOT MATCHED THEN INSERT (
  instance, name, orchestrator, native_id, description, owners, tags, is_paused, url, version,
  source_path, schedules, tasks, consumes, produces, triggers, waits_for, max_active_runs,
  first_seen_at, changed_at
) VALUES (
  seen.instance, seen.name, seen.orchestrator, seen.native_id, seen.description, seen.owners,
  seen.tags, seen.is_paused, seen.url, seen.version, seen.source_path, seen.schedules, seen.tasks,
  seen.consumes, seen.produces, seen.triggers, seen.waits_for, seen.max_active_runs, $now, $now
)
