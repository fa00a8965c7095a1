-- What the last successful run of each pipeline took of resources through pools: (instance, pipeline,
-- resource, units, how long after its start, for how long: seconds), by pipeline and start.
--   $uses: one document per resource in meta_orch.yaml and pool that uses it
-- A work pool of Prefect's holds whole runs, any other pool the attempts of task runs.
WITH
uses AS (
  SELECT unnest(from_json_strict(document, '{
    "resource": "VARCHAR", "instance": "VARCHAR", "pool": "VARCHAR", "units": "DOUBLE"
  }'))
  FROM (SELECT unnest($uses::VARCHAR[]) AS document)
),
last_run AS (
  SELECT r.instance, r.pipeline, r.run_id, r.started_at, r.ended_at
  FROM run_record AS r
  SEMI JOIN uses USING (instance)
  WHERE r.state = 'succeeded'
    AND r.deleted_at IS NULL
    AND r.started_at IS NOT NULL
    AND r.ended_at IS NOT NULL
  QUALIFY row_number() OVER (
    PARTITION BY r.instance, r.pipeline ORDER BY r.ended_at DESC, r.run_id
  ) = 1
),
taken AS (
  SELECT
    t.instance,
    t.pipeline,
    t.pool,
    coalesce(t.slots, 1) AS slots,
    epoch(t.started_at - r.started_at) AS after,
    epoch(t.ended_at - t.started_at) AS seconds
  FROM last_run AS r
  JOIN task_run_record AS t USING (instance, pipeline, run_id)
  ANTI JOIN work_pools USING (instance, pipeline)
  WHERE t.pool IS NOT NULL
    AND t.started_at >= r.started_at
    AND t.ended_at > t.started_at
  UNION ALL
  SELECT instance, pipeline, pool, 1, 0, epoch(ended_at - started_at)
  FROM last_run
  JOIN work_pools USING (instance, pipeline)
)
SELECT
  taken.instance,
  taken.pipeline,
  uses.resource,
  uses.units * taken.slots,
  taken.after,
  taken.seconds
FROM taken
JOIN uses ON uses.instance = taken.instance AND uses.pool = taken.pool
ORDER BY ALL
