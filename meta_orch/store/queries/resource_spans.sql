-- What was queued and ran within a time, of which resource: the temporary table resource_span
-- (kind, resource, instance, pipeline, units, queued_at, started_at, ended_at), cut to that time.
--   $only: one kind; NULL for all
--   $uses: one document per resource in meta_orch.yaml and pipeline, or pool, that uses it
-- A work pool of Prefect's and its queues hold whole runs, any other pool and queue the attempts of
-- task runs.
CREATE OR REPLACE TEMPORARY TABLE resource_span AS
WITH
uses AS (
  SELECT unnest(from_json_strict(document, '{
    "resource": "VARCHAR", "instance": "VARCHAR", "pipeline": "VARCHAR", "pool": "VARCHAR",
    "units": "DOUBLE"
  }'))
  FROM (SELECT unnest($uses::VARCHAR[]) AS document)
),
run AS (
  SELECT
    instance,
    pipeline,
    run_id,
    queue,
    coalesce(queued_at, started_at) AS queued_at,
    started_at,
    -- Of one that was last seen under way nothing is known after that.
    coalesce(ended_at, CASE WHEN NOT is_finished THEN least($now, $until) END) AS ended_at
  FROM run_record
  WHERE deleted_at IS NULL
    AND state NOT IN ('scheduled', 'skipped', 'removed')
    AND coalesce(queued_at, started_at) < $until
    AND (ended_at > $since OR NOT is_finished)
    AND (ended_at > $since OR ended_at IS NULL)
    AND (queued_at < $until OR queued_at IS NULL)
),
attempt AS (
  SELECT
    t.instance,
    t.pipeline,
    t.pool,
    coalesce(t.slots, 1) AS slots,
    t.queue,
    coalesce(t.queued_at, t.started_at) AS queued_at,
    t.started_at,
    coalesce(t.ended_at, run.ended_at) AS ended_at
  FROM task_run_record AS t
  JOIN run USING (instance, pipeline, run_id)
  ANTI JOIN work_pools USING (instance, pipeline)
  WHERE (t.pool IS NOT NULL OR t.queue IS NOT NULL)
    AND t.state NOT IN ('scheduled', 'skipped', 'removed', 'upstream_failed')
    -- Follows from the below, and lets DuckDB leave out what it sees is of other times.
    AND (t.ended_at > $since OR t.ended_at IS NULL)
    AND (t.queued_at < $until OR t.queued_at IS NULL)
    AND (t.ended_at IS NOT NULL OR t.state IN ('queued', 'running'))
),
of_pool AS (
  SELECT instance, pipeline, pool, slots, queued_at, started_at, ended_at
  FROM attempt
  WHERE pool IS NOT NULL
  UNION ALL
  SELECT instance, pipeline, pool, 1, queued_at, started_at, ended_at
  FROM run
  JOIN work_pools USING (instance, pipeline)
),
of_queue AS (
  SELECT instance, pipeline, queue, queued_at, started_at, ended_at
  FROM attempt
  WHERE queue IS NOT NULL
  UNION ALL
  SELECT instance, pipeline, queue, queued_at, started_at, ended_at
  FROM run
  WHERE queue IS NOT NULL
),
span AS (
  SELECT 'orchestrator' AS kind, instance AS resource, instance, pipeline, 1.0 AS units, queued_at,
    started_at, ended_at
  FROM run
  WHERE $only IS NULL OR $only = 'orchestrator'
  UNION ALL
  SELECT 'pool', instance || '/' || pool, instance, pipeline, slots, queued_at, started_at, ended_at
  FROM of_pool
  WHERE $only IS NULL OR $only = 'pool'
  UNION ALL
  SELECT 'queue', instance || '/' || queue, instance, pipeline, 1.0, queued_at, started_at, ended_at
  FROM of_queue
  WHERE $only IS NULL OR $only = 'queue'
  UNION ALL
  SELECT 'shared', uses.resource, instance, pipeline, uses.units, queued_at, started_at, ended_at
  FROM run
  JOIN uses USING (instance, pipeline)
  WHERE $only IS NULL OR $only = 'shared'
  UNION ALL
  SELECT 'shared', uses.resource, of_pool.instance, of_pool.pipeline, uses.units * slots,
    queued_at, started_at, ended_at
  FROM of_pool
  JOIN uses ON uses.instance = of_pool.instance AND uses.pool = of_pool.pool
  WHERE $only IS NULL OR $only = 'shared'
)
SELECT
  kind,
  resource,
  instance,
  pipeline,
  units,
  greatest(queued_at, $since) AS queued_at,
  greatest(least(coalesce(started_at, ended_at), ended_at, $until), $since) AS started_at,
  greatest(least(ended_at, $until), $since) AS ended_at
FROM span
WHERE ended_at > $since AND queued_at < $until AND ended_at >= queued_at
