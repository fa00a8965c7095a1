-- One row per time that somebody let a pipeline run whatever its gate said; none is ever changed.
CREATE TABLE gate_override_record (
  pipeline VARCHAR[],
  said_by VARCHAR,
  reason VARCHAR,
  said_at TIMESTAMPTZ,
  expires_at TIMESTAMPTZ
);

CREATE VIEW gate_overrides AS
SELECT array_to_string(pipeline, '/') AS pipeline, said_by, reason, said_at, expires_at
FROM gate_override_record;

COMMENT ON VIEW gate_overrides IS 'A row is a time that somebody let a pipeline run whatever its gate said.';
COMMENT ON COLUMN gate_overrides.pipeline IS 'The pipeline, as INSTANCE/NAME.';
COMMENT ON COLUMN gate_overrides.said_by IS 'Who.';
COMMENT ON COLUMN gate_overrides.reason IS 'Why, in their words.';
COMMENT ON COLUMN gate_overrides.said_at IS 'When.';
COMMENT ON COLUMN gate_overrides.expires_at IS 'Until when it holds.';
