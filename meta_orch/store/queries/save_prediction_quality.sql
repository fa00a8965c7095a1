-- Keep how far predictions would have been right, after what was kept is removed. One document per
-- pipeline.
INSERT INTO prediction_record BY NAME
SELECT
  unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "pipeline": "VARCHAR", "depends_on": "VARCHAR", "runs": "BIGINT",
    "coverage": "DOUBLE", "error": "DOUBLE", "naive_error": "DOUBLE", "risk_precision": "DOUBLE",
    "risk_recall": "DOUBLE", "risk_lead_seconds": "DOUBLE", "median_precision": "DOUBLE",
    "median_recall": "DOUBLE", "p95_precision": "DOUBLE", "p95_recall": "DOUBLE"
  }')),
  $now AS computed_at
FROM (SELECT unnest($documents::VARCHAR[]) AS document)
