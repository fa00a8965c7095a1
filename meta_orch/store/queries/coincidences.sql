-- One row per two pipelines of which one started, again and again, soon after the other succeeded.
--   hits: starts with such an end before them; starts, ends: of each in the period
--   gap_*: from end to start; lag_spread: of the time from the one's start to the other's
-- Starts and ends meet in buckets of the span: to compare each with each takes minutes.
WITH
finished AS (
  SELECT instance, pipeline, run_id, state, started_at, ended_at
  FROM run_record
  WHERE deleted_at IS NULL AND started_at >= $since AND started_at < $until
),
starts AS (
  SELECT instance, pipeline, run_id, started_at, count(*) OVER of_pipeline AS starts
  FROM finished
  WINDOW of_pipeline AS (PARTITION BY instance, pipeline)
  QUALIFY starts >= $least
),
ends AS (
  SELECT instance, pipeline, started_at, ended_at, count(*) OVER of_pipeline AS ends
  FROM finished
  WHERE state = 'succeeded' AND ended_at IS NOT NULL
  WINDOW of_pipeline AS (PARTITION BY instance, pipeline)
  QUALIFY ends >= $least
),
bucketed AS (
  SELECT *, unnest([bucket, bucket + 1]) AS meets
  FROM (SELECT *, epoch(ended_at)::BIGINT // $within AS bucket FROM ends)
),
met AS (
  SELECT
    u.instance AS upstream_instance,
    u.pipeline AS upstream_pipeline,
    s.instance AS downstream_instance,
    s.pipeline AS downstream_pipeline,
    s.run_id,
    any_value(s.starts) AS starts,
    any_value(u.ends) AS ends,
    min(epoch(s.started_at - u.ended_at)) AS gap,
    arg_max(epoch(s.started_at - u.started_at), u.ended_at) AS lag
  FROM starts AS s
  JOIN bucketed AS u
    ON u.meets = epoch(s.started_at)::BIGINT // $within
    AND u.ended_at <= s.started_at
    AND epoch(s.started_at - u.ended_at) <= $within
    AND (u.instance, u.pipeline) <> (s.instance, s.pipeline)
  GROUP BY ALL
)
SELECT
  upstream_instance,
  upstream_pipeline,
  downstream_instance,
  downstream_pipeline,
  count(*) AS hits,
  any_value(starts) AS starts,
  any_value(ends) AS ends,
  quantile_cont(gap, 0.1) AS gap_low,
  quantile_cont(gap, 0.9) AS gap_high,
  stddev_pop(gap) AS gap_spread,
  stddev_pop(lag) AS lag_spread
FROM met
GROUP BY ALL
HAVING hits >= $least
ORDER BY ALL
