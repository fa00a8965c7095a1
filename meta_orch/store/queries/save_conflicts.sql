-- Keep conflicts, after those that were kept are removed. One document each.
INSERT INTO conflict_record BY NAME
SELECT
  unnest(from_json_strict(document, '{
    "resource": "VARCHAR", "is_coming": "BOOLEAN", "since": "TIMESTAMPTZ", "until": "TIMESTAMPTZ",
    "capacity": "DOUBLE", "peak": "DOUBLE", "harm_unit_seconds": "DOUBLE",
    "instances": ["VARCHAR"], "pipelines": ["VARCHAR"]
  }')),
  $now AS computed_at
FROM (SELECT unnest($documents::VARCHAR[]) AS document)
