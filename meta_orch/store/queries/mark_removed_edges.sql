-- Edges of some kinds that are not among those known now. One document per edge that is.
UPDATE edge_record
SET removed_at = $now
WHERE removed_at IS NULL
  AND list_contains($kinds::VARCHAR[], kind)
  AND NOT EXISTS (
    FROM (
      SELECT unnest(from_json(document, '{
        "upstream": ["VARCHAR"], "downstream": ["VARCHAR"], "kind": "VARCHAR"
      }'))
      FROM (SELECT unnest($documents::VARCHAR[]) AS document)
    ) AS seen
    WHERE seen.upstream = edge_record.upstream
      AND seen.downstream = edge_record.downstream
      AND seen.kind = edge_record.kind
  )
