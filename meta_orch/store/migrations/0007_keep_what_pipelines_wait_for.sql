ALTER TABLE pipeline_record ADD COLUMN waits_for STRUCT(instance VARCHAR, name VARCHAR)[];

CREATE OR REPLACE VIEW pipelines AS
SELECT
  instance,
  name AS pipeline,
  orchestrator,
  native_id,
  description,
  owners,
  tags,
  is_paused,
  version,
  source_path,
  url,
  max_active_runs,
  len(tasks) AS task_count,
  len(schedules) AS schedule_count,
  list_transform(consumes, lambda asset: asset.uri) AS consumes,
  list_transform(produces, lambda asset: asset.uri) AS produces,
  list_transform(triggers, lambda started: concat(started.instance, '/', started.name)) AS triggers,
  list_transform(waits_for, lambda other: concat(other.instance, '/', other.name)) AS waits_for,
  first_seen_at,
  changed_at
FROM pipeline_record
WHERE removed_at IS NULL;

COMMENT ON VIEW pipelines IS 'A row is a pipeline (DAG, deployment or flow, job) that exists now.';
COMMENT ON COLUMN pipelines.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN pipelines.pipeline IS 'The name in its orchestrator, unique within the instance.';
COMMENT ON COLUMN pipelines.orchestrator IS 'The type: airflow, prefect, dagster, or that of another adapter.';
COMMENT ON COLUMN pipelines.native_id IS 'What the API of the orchestrator calls it.';
COMMENT ON COLUMN pipelines.description IS 'As its authors wrote it.';
COMMENT ON COLUMN pipelines.owners IS 'A list, as its authors wrote it.';
COMMENT ON COLUMN pipelines.tags IS 'A list.';
COMMENT ON COLUMN pipelines.is_paused IS 'Whether its schedules are switched off.';
COMMENT ON COLUMN pipelines.version IS 'Changes whenever the definition does; means nothing else.';
COMMENT ON COLUMN pipelines.source_path IS 'Where the definition lies: a file, or file:function.';
COMMENT ON COLUMN pipelines.url IS 'Its page in the orchestrator.';
COMMENT ON COLUMN pipelines.max_active_runs IS 'How many runs may be active at once; NULL where there is no limit.';
COMMENT ON COLUMN pipelines.task_count IS 'How many tasks it has; they are in the view tasks.';
COMMENT ON COLUMN pipelines.schedule_count IS 'How many schedules it has; they are in the view schedules.';
COMMENT ON COLUMN pipelines.consumes IS 'A list of the URIs of assets that it reads.';
COMMENT ON COLUMN pipelines.produces IS 'A list of the URIs of assets that it writes.';
COMMENT ON COLUMN pipelines.triggers IS 'A list of the pipelines that it starts, as INSTANCE/NAME.';
COMMENT ON COLUMN pipelines.waits_for IS 'A list of the pipelines whose runs a task of it waits for, likewise.';
COMMENT ON COLUMN pipelines.first_seen_at IS 'When it was first read.';
COMMENT ON COLUMN pipelines.changed_at IS 'When anything of it was last found changed.';
