-- Keep what does not work of an instance, a document a problem.
INSERT INTO problem_record
SELECT unnest(from_json_strict(document, '{
  "instance": "VARCHAR", "kind": "VARCHAR", "part": "VARCHAR", "text": "VARCHAR",
  "since": "TIMESTAMPTZ"
}'))
FROM (SELECT unnest($documents::VARCHAR[]) AS document)
