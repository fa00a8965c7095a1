-- One row per edge between pipelines that both run by a schedule: how often the downstream started
-- before the upstream had succeeded in what was due before it. One document per edge.
WITH
edge AS (
  SELECT unnest(from_json_strict(document, '{
    "upstream_instance": "VARCHAR", "upstream_pipeline": "VARCHAR",
    "downstream_instance": "VARCHAR", "downstream_pipeline": "VARCHAR"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
),
due AS (
  SELECT instance, pipeline, scheduled_at, started_at, ended_at, state
  FROM run_record
  WHERE deleted_at IS NULL
    AND trigger = 'schedule'
    AND scheduled_at >= $since
    AND state <> 'scheduled'
),
consumer AS (
  SELECT edge.*, due.scheduled_at, due.started_at
  FROM edge
  JOIN due ON due.instance = edge.downstream_instance AND due.pipeline = edge.downstream_pipeline
  WHERE due.started_at IS NOT NULL
),
race AS (
  SELECT
    consumer.*,
    due.state <> 'succeeded' OR due.ended_at > consumer.started_at AS is_lost,
    CASE
      WHEN due.state = 'succeeded' THEN greatest(0, epoch(due.ended_at - consumer.started_at))
    END AS late_seconds
  FROM consumer
  ASOF JOIN due
    ON due.instance = consumer.upstream_instance
    AND due.pipeline = consumer.upstream_pipeline
    AND due.scheduled_at <= consumer.scheduled_at
)
SELECT
  upstream_instance,
  upstream_pipeline,
  downstream_instance,
  downstream_pipeline,
  count(DISTINCT scheduled_at::DATE) AS days,
  count(DISTINCT scheduled_at::DATE) FILTER (is_lost) AS lost_days,
  max(late_seconds) AS latest_seconds
FROM race
GROUP BY ALL
ORDER BY ALL
