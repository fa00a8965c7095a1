-- The base tables. People query the views instead (0002): those leave out what is gone.
-- No keys, defaults or sequences are declared, so that DuckLake takes the same statements; the
-- merges in queries/ enforce the natural keys named here.

-- One row per pipeline ever seen: (instance, name).
CREATE TABLE pipeline_record (
  instance VARCHAR,
  name VARCHAR,
  orchestrator VARCHAR,
  native_id VARCHAR,
  description VARCHAR,
  owners VARCHAR[],
  tags VARCHAR[],
  is_paused BOOLEAN,
  url VARCHAR,
  version VARCHAR,
  source_path VARCHAR,
  schedules STRUCT(
    kind VARCHAR,
    expression VARCHAR,
    interval_seconds DOUBLE,
    anchor TIMESTAMPTZ,
    timezone VARCHAR,
    is_active BOOLEAN,
    next_at TIMESTAMPTZ,
    name VARCHAR
  )[],
  tasks STRUCT(
    name VARCHAR,
    kind VARCHAR,
    upstream VARCHAR[],
    retries BIGINT,
    timeout_seconds DOUBLE,
    pool VARCHAR,
    trigger_rule VARCHAR,
    is_mapped BOOLEAN
  )[],
  consumes STRUCT(uri VARCHAR, name VARCHAR)[],
  produces STRUCT(uri VARCHAR, name VARCHAR)[],
  triggers STRUCT(instance VARCHAR, name VARCHAR)[],
  max_active_runs BIGINT,
  first_seen_at TIMESTAMPTZ,
  changed_at TIMESTAMPTZ,
  removed_at TIMESTAMPTZ
);

-- One row per run: (instance, pipeline, run_id). Its pipeline need not be in pipeline_record.
CREATE TABLE run_record (
  instance VARCHAR,
  pipeline VARCHAR,
  run_id VARCHAR,
  state VARCHAR,
  native_state VARCHAR,
  attempt BIGINT,
  trigger VARCHAR,
  logical_start TIMESTAMPTZ,
  logical_end TIMESTAMPTZ,
  scheduled_at TIMESTAMPTZ,
  queued_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  parameters JSON,
  parent_run_id VARCHAR,
  pipeline_version VARCHAR,
  message VARCHAR,
  url VARCHAR,
  is_finished BOOLEAN,
  effective_at TIMESTAMPTZ,
  revision_id UUID,
  first_seen_at TIMESTAMPTZ,
  changed_at TIMESTAMPTZ,
  deleted_at TIMESTAMPTZ
);

-- One row per attempt of a task run: (instance, pipeline, run_id, task_run_id, attempt).
CREATE TABLE task_run_record (
  instance VARCHAR,
  pipeline VARCHAR,
  run_id VARCHAR,
  task_run_id VARCHAR,
  attempt BIGINT,
  task VARCHAR,
  state VARCHAR,
  native_state VARCHAR,
  map_index BIGINT,
  scheduled_at TIMESTAMPTZ,
  queued_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  pool VARCHAR,
  worker VARCHAR,
  upstream_task_run_ids VARCHAR[],
  child_run_id VARCHAR,
  message VARCHAR,
  url VARCHAR,
  changed_at TIMESTAMPTZ
);

-- One row per pool an instance has now: (instance, name).
CREATE TABLE pool_record (
  instance VARCHAR,
  name VARCHAR,
  slots BIGINT,
  running BIGINT,
  queued BIGINT,
  read_at TIMESTAMPTZ
);

-- One row per edge ever seen: (upstream, downstream, kind).
CREATE TABLE edge_record (
  upstream VARCHAR[],
  downstream VARCHAR[],
  kind VARCHAR,
  evidence VARCHAR,
  first_seen_at TIMESTAMPTZ,
  last_seen_at TIMESTAMPTZ,
  removed_at TIMESTAMPTZ
);

-- One row per instance: how its last reading went.
CREATE TABLE collector_record (
  instance VARCHAR,
  attempted_at TIMESTAMPTZ,
  succeeded_at TIMESTAMPTZ,
  caught_up BOOLEAN,
  error VARCHAR,
  server_version VARCHAR,
  catalogue_read_at TIMESTAMPTZ
);

-- One row per instance: up to where its catalogue and its runs are in this store.
CREATE TABLE progress_record (
  instance VARCHAR,
  fingerprint VARCHAR,
  cursor VARCHAR
);

-- One row per outcome of a run that Dagster shows: (revision_id).
CREATE TABLE mirrored_record (
  revision_id UUID,
  instance VARCHAR,
  pipeline VARCHAR,
  run_id VARCHAR,
  mirrored_at TIMESTAMPTZ
);
