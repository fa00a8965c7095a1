-- Keep how SLAs are kept, after what was kept is removed. One document per SLA and pipeline.
INSERT INTO sla_record BY NAME
SELECT
  unnest(from_json_strict(document, '{
    "sla": "VARCHAR", "instance": "VARCHAR", "pipeline": "VARCHAR", "target": "DOUBLE",
    "met": "BIGINT", "missed": "BIGINT", "share": "DOUBLE", "budget": "DOUBLE",
    "streak": "BIGINT", "trend": "DOUBLE",
    "misses": [{
      "missed_at": "TIMESTAMPTZ", "verdict": "VARCHAR", "over_seconds": "DOUBLE", "run_id": "VARCHAR",
      "cause": "VARCHAR"
    }]
  }')),
  $now AS computed_at
FROM (SELECT unnest($documents::VARCHAR[]) AS document)
