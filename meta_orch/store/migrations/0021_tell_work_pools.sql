CREATE VIEW work_pools AS
SELECT p.instance, p.name AS pipeline, any_value(task.pool) AS pool
FROM pipeline_record AS p, unnest(p.tasks) AS unnested(task)
WHERE p.orchestrator = 'prefect' AND task.pool IS NOT NULL
GROUP BY ALL;

COMMENT ON VIEW work_pools IS 'A row is a pipeline of Prefect''s and the work pool that holds its runs: one slot for a whole run, where the pools of other orchestrators have one or more for an attempt of a task run.';
COMMENT ON COLUMN work_pools.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN work_pools.pipeline IS 'The pipeline: a deployment; it may have been removed since.';
COMMENT ON COLUMN work_pools.pool IS 'The work pool, as in pools.';
