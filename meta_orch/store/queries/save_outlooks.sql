-- Keep predictions, after those that were kept are removed. One document each.
INSERT INTO outlook_record BY NAME
SELECT
  unnest(from_json_strict(document, '{
    "sla": "VARCHAR", "instance": "VARCHAR", "pipeline": "VARCHAR", "deadline": "TIMESTAMPTZ",
    "risk": "DOUBLE", "expected_at": "TIMESTAMPTZ", "likely_from": "TIMESTAMPTZ",
    "likely_to": "TIMESTAMPTZ", "decided_by": ["VARCHAR"]
  }')),
  $now AS computed_at
FROM (SELECT unnest($documents::VARCHAR[]) AS document)
