-- Keep the edges that are known now. One document per edge, keys not repeated.
MERGE INTO edge_record AS kept
USING (
  SELECT unnest(from_json_strict(document, '{
    "upstream": ["VARCHAR"], "downstream": ["VARCHAR"], "kind": "VARCHAR", "evidence": "VARCHAR",
    "confidence": "DOUBLE"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
) AS seen
ON kept.upstream = seen.upstream AND kept.downstream = seen.downstream AND kept.kind = seen.kind
WHEN MATCHED THEN UPDATE SET
  evidence = seen.evidence,
  confidence = seen.confidence,
  last_seen_at = $now,
  removed_at = NULL
WHEN NOT MATCHED THEN INSERT (
  upstream, downstream, kind, evidence, confidence, first_seen_at, last_seen_at
) VALUES (
  seen.upstream, seen.downstream, seen.kind, seen.evidence, seen.confidence, $now, $now
)
