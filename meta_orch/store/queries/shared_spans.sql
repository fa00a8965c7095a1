-- What used resources that meta_orch.yaml declares, from the table resource_span: (resource,
-- instance, pipeline, units, queued, started, ended: seconds since 1970), by when it was queued.
SELECT
  resource,
  instance,
  pipeline,
  units,
  epoch(queued_at),
  epoch(started_at),
  epoch(ended_at)
FROM resource_span
WHERE kind = 'shared'
ORDER BY queued_at, resource, instance, pipeline
