ALTER TABLE collector_record ADD COLUMN failures BIGINT;
ALTER TABLE collector_record ADD COLUMN retry_at TIMESTAMPTZ;

CREATE OR REPLACE VIEW collectors AS
SELECT
  instance,
  attempted_at,
  succeeded_at,
  caught_up,
  error,
  coalesce(failures, 0) AS failures,
  retry_at,
  server_version,
  catalogue_read_at
FROM collector_record;

COMMENT ON VIEW collectors IS 'A row is an instance: how reading it went, and so how far the other views can be trusted.';
COMMENT ON COLUMN collectors.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN collectors.attempted_at IS 'When the last reading began.';
COMMENT ON COLUMN collectors.succeeded_at IS 'When the last reading that did not fail began.';
COMMENT ON COLUMN collectors.caught_up IS 'Whether the last reading got everything there was.';
COMMENT ON COLUMN collectors.error IS 'Why the last reading failed; NULL where it did not.';
COMMENT ON COLUMN collectors.failures IS 'How many readings brought nothing since the last that brought something.';
COMMENT ON COLUMN collectors.retry_at IS 'Until when it is left alone after failures; NULL where it is asked at the next tick.';
COMMENT ON COLUMN collectors.server_version IS 'The version that the orchestrator states.';
COMMENT ON COLUMN collectors.catalogue_read_at IS 'When all pipelines were last read.';
