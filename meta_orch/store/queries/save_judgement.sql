-- What somebody says of the edges between two assets, in place of what was said before.
MERGE INTO edge_judgement_record AS kept
USING (
  SELECT unnest(from_json_strict($document::VARCHAR, '{
    "upstream": ["VARCHAR"], "downstream": ["VARCHAR"], "opinion": "VARCHAR",
    "judged_by": "VARCHAR", "judged_at": "TIMESTAMPTZ", "reason": "VARCHAR"
  }'))
) AS said
ON kept.upstream = said.upstream AND kept.downstream = said.downstream
WHEN MATCHED THEN UPDATE SET
  opinion = said.opinion,
  judged_by = said.judged_by,
  judged_at = said.judged_at,
  reason = said.reason
WHEN NOT MATCHED THEN INSERT (upstream, downstream, opinion, judged_by, judged_at, reason)
VALUES (
  said.upstream, said.downstream, said.opinion, said.judged_by, said.judged_at, said.reason
)
