-- The temporary table resource_step: how many units of a resource were in use and queued for between
-- two changes, hours cut apart (kind, resource, moment, until, running, queued, capacity), from the
-- table resource_span. Ends come before starts of the same instant: a span does not hold its end.
--   $capacities: one document per resource in meta_orch.yaml
CREATE OR REPLACE TEMPORARY TABLE resource_step AS
WITH
shared AS (
  SELECT unnest(from_json_strict(document, '{"resource": "VARCHAR", "capacity": "DOUBLE"}'))
  FROM (SELECT unnest($capacities::VARCHAR[]) AS document)
),
setting AS (
  SELECT
    instance || '/' || pool AS resource,
    slots,
    -- What a pool was before it was first read is not known, and taken for the same.
    CASE
      WHEN row_number() OVER (PARTITION BY instance, pool ORDER BY since) = 1
      THEN '0001-01-01'::TIMESTAMPTZ
      ELSE since
    END AS since
  FROM pool_setting_record
),
change AS (
  SELECT kind, resource, queued_at AS moment, 0.0 AS running, units AS queued
  FROM resource_span
  WHERE queued_at < started_at
  UNION ALL
  SELECT kind, resource, started_at, units, CASE WHEN queued_at < started_at THEN -units ELSE 0 END
  FROM resource_span
  UNION ALL
  SELECT kind, resource, ended_at, -units, 0.0 FROM resource_span
  UNION ALL
  SELECT kind, resource, unnest(range($since, $until + INTERVAL 1 HOUR, INTERVAL 1 HOUR)), 0.0, 0.0
  FROM (SELECT DISTINCT kind, resource FROM resource_span)
),
instant AS (
  SELECT kind, resource, moment, sum(running) AS running, sum(queued) AS queued
  FROM change
  GROUP BY ALL
),
level AS (
  SELECT
    kind,
    resource,
    moment,
    lead(moment) OVER in_order AS until,
    sum(running) OVER in_order AS running,
    sum(queued) OVER in_order AS queued
  FROM instant
  WINDOW in_order AS (PARTITION BY kind, resource ORDER BY moment)
)
SELECT
  level.kind,
  level.resource,
  level.moment,
  level.until,
  -- Sums of fractions leave crumbs.
  round(level.running, 6) AS running,
  round(level.queued, 6) AS queued,
  coalesce(shared.capacity, setting.slots) AS capacity
FROM level
LEFT JOIN shared ON level.kind = 'shared' AND shared.resource = level.resource
ASOF LEFT JOIN setting
  ON setting.resource = CASE WHEN level.kind = 'pool' THEN level.resource END
  AND setting.since <= level.moment
WHERE level.until IS NOT NULL AND level.moment < $until
