-- To the temporary table time_together, from the table resource_span of a time: how long, in seconds,
-- runs of two pipelines, or two of one, used the same resource at once, and how often that began.
--   $resource: only of this one; NULL for all
-- A pair is found in the hour in which the later one of the two began: so few are compared.
INSERT INTO time_together
WITH
span AS (
  SELECT
    row_number() OVER () AS id,
    kind,
    resource,
    instance || '/' || pipeline AS pipeline,
    started_at,
    ended_at
  FROM resource_span
  WHERE ended_at > started_at
    AND kind = $kind
    AND ($resource IS NULL OR resource = $resource)
),
earlier AS (
  SELECT
    *,
    unnest(range(time_bucket(INTERVAL 1 HOUR, started_at), ended_at, INTERVAL 1 HOUR)) AS hour
  FROM span
),
later AS (SELECT *, time_bucket(INTERVAL 1 HOUR, started_at) AS hour FROM span)
SELECT
  earlier.kind,
  earlier.resource,
  least(earlier.pipeline, later.pipeline),
  greatest(earlier.pipeline, later.pipeline),
  -- What goes on at the beginning of the time was counted in the one before.
  count(*) FILTER (later.started_at > $since OR $is_first),
  sum(epoch(least(earlier.ended_at, later.ended_at) - later.started_at))
FROM earlier
JOIN later
  ON later.kind = earlier.kind
  AND later.resource = earlier.resource
  AND later.hour = earlier.hour
  AND later.started_at >= earlier.started_at
  AND later.started_at < earlier.ended_at
WHERE later.started_at > earlier.started_at OR later.id > earlier.id
GROUP BY ALL
