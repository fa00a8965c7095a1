-- Who used what on a day, from the tables resource_span and resource_step. Times of saturation that
-- follow each other are one, so that few are compared with each span.
INSERT INTO resource_user_record BY NAME
WITH
marked AS (
  SELECT
    kind,
    resource,
    moment,
    until,
    moment IS DISTINCT FROM lag(until) OVER (PARTITION BY kind, resource ORDER BY moment) AS begins
  FROM resource_step
  WHERE running + queued > capacity
),
numbered AS (
  SELECT *, sum(begins::INTEGER) OVER (PARTITION BY kind, resource ORDER BY moment) AS number
  FROM marked
),
saturated AS (
  SELECT kind, resource, min(moment) AS moment, max(until) AS until
  FROM numbered
  GROUP BY kind, resource, number
),
shared_in AS (
  SELECT
    span.kind,
    span.resource,
    span.instance,
    span.pipeline,
    sum(span.units * epoch(
      least(span.ended_at, saturated.until) - greatest(span.started_at, saturated.moment)
    )) AS saturated_unit_seconds
  FROM resource_span AS span
  JOIN saturated
    ON saturated.kind = span.kind
    AND saturated.resource = span.resource
    AND span.started_at < saturated.until
    AND span.ended_at > saturated.moment
  GROUP BY ALL
),
used AS (
  SELECT
    kind,
    resource,
    instance,
    pipeline,
    sum(units * epoch(ended_at - started_at)) AS running_unit_seconds,
    sum(units * epoch(started_at - queued_at)) AS queued_unit_seconds
  FROM resource_span
  GROUP BY ALL
)
SELECT
  used.kind,
  used.resource,
  $day AS day,
  used.instance,
  used.pipeline,
  used.running_unit_seconds,
  used.queued_unit_seconds,
  coalesce(shared_in.saturated_unit_seconds, 0) AS saturated_unit_seconds
FROM used
LEFT JOIN shared_in USING (kind, resource, instance, pipeline)
