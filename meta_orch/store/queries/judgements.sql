-- One row per pair of assets whose edges somebody judged, as a document.
SELECT to_json(j)
FROM edge_judgement_record AS j
ORDER BY j.upstream, j.downstream
