-- The temporary table time_together: (kind, resource, pipeline, other) and day.
CREATE OR REPLACE TEMPORARY TABLE time_together (
  kind VARCHAR,
  resource VARCHAR,
  pipeline VARCHAR,
  other VARCHAR,
  times BIGINT,
  seconds DOUBLE
)
