-- What a pool's limit was since when: (instance, pool, since).
CREATE TABLE pool_setting_record (
  instance VARCHAR,
  pool VARCHAR,
  slots BIGINT,
  since TIMESTAMPTZ
);

INSERT INTO pool_setting_record
SELECT instance, name, slots, read_at FROM pool_record;

-- How much of a resource was in use and wanted in an hour: (kind, resource, hour).
CREATE TABLE resource_hour_record (
  kind VARCHAR,
  resource VARCHAR,
  hour TIMESTAMPTZ,
  capacity DOUBLE,
  peak_running DOUBLE,
  peak_wanted DOUBLE,
  running_unit_seconds DOUBLE,
  queued_unit_seconds DOUBLE,
  excess_unit_seconds DOUBLE,
  saturated_seconds DOUBLE
);

-- Who used a resource on a day (UTC): (kind, resource, day, instance, pipeline).
CREATE TABLE resource_user_record (
  kind VARCHAR,
  resource VARCHAR,
  day DATE,
  instance VARCHAR,
  pipeline VARCHAR,
  running_unit_seconds DOUBLE,
  queued_unit_seconds DOUBLE,
  saturated_unit_seconds DOUBLE
);

-- Which days were measured (UTC): (day).
CREATE TABLE measured_day_record (
  day DATE,
  uses VARCHAR,
  measured_at TIMESTAMPTZ
);

CREATE VIEW pool_settings AS
SELECT instance, pool, slots, since
FROM pool_setting_record;

COMMENT ON VIEW pool_settings IS 'A row is a limit that a pool had from an instant on, until the next row of the pool.';
COMMENT ON COLUMN pool_settings.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN pool_settings.pool IS 'Its name, unique within the instance.';
COMMENT ON COLUMN pool_settings.slots IS 'How much may run at once; NULL where there is no limit.';
COMMENT ON COLUMN pool_settings.since IS 'When it was first read so.';

CREATE VIEW resource_hours AS
SELECT
  kind,
  resource,
  hour,
  capacity,
  peak_running,
  peak_wanted,
  running_unit_seconds,
  queued_unit_seconds,
  excess_unit_seconds,
  saturated_seconds
FROM resource_hour_record;

COMMENT ON VIEW resource_hours IS 'A row is an hour of a pool, of an orchestrator as a whole, or of a resource that meta_orch.yaml declares: what was in use and wanted. Hours without either have none. Measured by the asset meta_orch/resources.';
COMMENT ON COLUMN resource_hours.kind IS 'orchestrator, pool or shared.';
COMMENT ON COLUMN resource_hours.resource IS 'The instance; INSTANCE/POOL; or the name in meta_orch.yaml.';
COMMENT ON COLUMN resource_hours.hour IS 'When it begins.';
COMMENT ON COLUMN resource_hours.capacity IS 'How many units may be in use at once; NULL where there is no limit.';
COMMENT ON COLUMN resource_hours.peak_running IS 'The most units that were in use at once: a run of an orchestrator, a slot of a pool, or what meta_orch.yaml says.';
COMMENT ON COLUMN resource_hours.peak_wanted IS 'The most units that were in use or queued for at once.';
COMMENT ON COLUMN resource_hours.running_unit_seconds IS 'Units in use, times seconds.';
COMMENT ON COLUMN resource_hours.queued_unit_seconds IS 'Units queued for, times seconds.';
COMMENT ON COLUMN resource_hours.excess_unit_seconds IS 'Units wanted above the capacity, times seconds.';
COMMENT ON COLUMN resource_hours.saturated_seconds IS 'How long more was wanted than there is, in seconds.';

CREATE VIEW resource_users AS
SELECT
  kind,
  resource,
  day,
  instance,
  pipeline,
  running_unit_seconds,
  queued_unit_seconds,
  saturated_unit_seconds
FROM resource_user_record;

COMMENT ON VIEW resource_users IS 'A row is what a pipeline used of a resource on a day (UTC).';
COMMENT ON COLUMN resource_users.kind IS 'orchestrator, pool or shared.';
COMMENT ON COLUMN resource_users.resource IS 'The instance; INSTANCE/POOL; or the name in meta_orch.yaml.';
COMMENT ON COLUMN resource_users.day IS 'The day, in UTC.';
COMMENT ON COLUMN resource_users.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN resource_users.pipeline IS 'The pipeline.';
COMMENT ON COLUMN resource_users.running_unit_seconds IS 'Units it had in use, times seconds.';
COMMENT ON COLUMN resource_users.queued_unit_seconds IS 'Units it was queued for, times seconds.';
COMMENT ON COLUMN resource_users.saturated_unit_seconds IS 'Units it had in use while more was wanted than there is, times seconds: its share in that.';
