-- One row per edge that is known now, as a document.
SELECT to_json(e)
FROM edge_record AS e
WHERE e.removed_at IS NULL
ORDER BY e.upstream, e.downstream, e.kind
