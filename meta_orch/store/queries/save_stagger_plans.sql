-- Keep plans, after those that were kept are removed. One document per resource.
INSERT INTO stagger_plan_record BY NAME
SELECT
  unnest(from_json_strict(document, '{
    "resource": "VARCHAR", "capacity": "DOUBLE", "movable": "BIGINT", "fixed": "BIGINT",
    "peak_before": "DOUBLE", "peak_after": "DOUBLE", "peak_bound": "DOUBLE", "method": "VARCHAR",
    "history_peak_before": "DOUBLE", "history_peak_after": "DOUBLE",
    "history_queued_unit_seconds_before": "DOUBLE",
    "history_queued_unit_seconds_after": "DOUBLE",
    "history_missed_before": "BIGINT", "history_missed_after": "BIGINT",
    "moves": [{
      "instance": "VARCHAR", "pipeline": "VARCHAR", "minutes": "BIGINT", "slack_minutes": "BIGINT",
      "cron": "VARCHAR", "new_cron": "VARCHAR", "timezone": "VARCHAR"
    }]
  }')),
  $now AS computed_at
FROM (SELECT unnest($documents::VARCHAR[]) AS document)
