ALTER TABLE edge_record ADD COLUMN confidence DOUBLE;

-- One row per pair of assets whose edges somebody judged: (upstream, downstream).
CREATE TABLE edge_judgement_record (
  upstream VARCHAR[],
  downstream VARCHAR[],
  opinion VARCHAR,
  judged_by VARCHAR,
  judged_at TIMESTAMPTZ,
  reason VARCHAR
);

CREATE OR REPLACE VIEW edges AS
SELECT
  array_to_string(e.upstream, '/') AS upstream,
  array_to_string(e.downstream, '/') AS downstream,
  e.kind,
  e.evidence,
  coalesce(e.confidence, 1) AS confidence,
  CASE
    WHEN e.kind = 'declared' THEN TRUE
    WHEN j.opinion IS NULL THEN e.kind <> 'suggested'
    ELSE j.opinion = 'accepted'
  END AS is_in_effect,
  j.opinion,
  j.judged_by,
  j.judged_at,
  j.reason,
  e.first_seen_at,
  e.last_seen_at
FROM edge_record AS e
LEFT JOIN edge_judgement_record AS j
  ON j.upstream = e.upstream AND j.downstream = e.downstream
WHERE e.removed_at IS NULL;

COMMENT ON VIEW edges IS 'A row is a dependency of one asset on another, for one kind of reason.';
COMMENT ON COLUMN edges.upstream IS 'What comes first: a pipeline as INSTANCE/NAME, or the key of a Dagster asset.';
COMMENT ON COLUMN edges.downstream IS 'What depends on it, written alike.';
COMMENT ON COLUMN edges.kind IS 'data (an asset is shared), trigger (one starts the other, or has a task that waits for it), declared (in meta_orch.yaml) or suggested (the history looks like it).';
COMMENT ON COLUMN edges.evidence IS 'Why it is believed, in words.';
COMMENT ON COLUMN edges.confidence IS 'From 0 to 1; 1 where somebody or something states it.';
COMMENT ON COLUMN edges.is_in_effect IS 'Whether it is drawn and gates: neither rejected, nor a suggestion that nobody accepted.';
COMMENT ON COLUMN edges.opinion IS 'accepted or rejected, where somebody judged it.';
COMMENT ON COLUMN edges.judged_by IS 'Who did.';
COMMENT ON COLUMN edges.judged_at IS 'When.';
COMMENT ON COLUMN edges.reason IS 'Why, in their words.';
COMMENT ON COLUMN edges.first_seen_at IS 'When it was first known.';
COMMENT ON COLUMN edges.last_seen_at IS 'When the edges were last worked out anew.';
