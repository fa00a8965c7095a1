-- How far predictions would have been right, as it was last replayed: (instance, pipeline).
CREATE TABLE prediction_record (
  instance VARCHAR,
  pipeline VARCHAR,
  depends_on VARCHAR,
  runs BIGINT,
  coverage DOUBLE,
  error DOUBLE,
  naive_error DOUBLE,
  risk_precision DOUBLE,
  risk_recall DOUBLE,
  risk_lead_seconds DOUBLE,
  median_precision DOUBLE,
  median_recall DOUBLE,
  p95_precision DOUBLE,
  p95_recall DOUBLE,
  computed_at TIMESTAMPTZ
);

CREATE VIEW prediction_quality AS
SELECT
  instance,
  pipeline,
  depends_on,
  runs,
  coverage,
  error,
  naive_error,
  risk_precision,
  risk_recall,
  risk_lead_seconds,
  median_precision,
  median_recall,
  p95_precision,
  p95_recall,
  computed_at
FROM prediction_record;

COMMENT ON VIEW prediction_quality IS 'A row is a pipeline: how far predictions of its runs would have been right, each made from the runs before it. Worked out each night, by the asset meta_orch/predictions.';
COMMENT ON COLUMN prediction_quality.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN prediction_quality.pipeline IS 'The pipeline.';
COMMENT ON COLUMN prediction_quality.depends_on IS 'What its durations depend on: nothing, hour, weekday or width.';
COMMENT ON COLUMN prediction_quality.runs IS 'How many runs were predicted.';
COMMENT ON COLUMN prediction_quality.coverage IS 'The share of them that ended within the range stated when they began, from 0 to 1; 0.8 is what the range says.';
COMMENT ON COLUMN prediction_quality.error IS 'How far the expected duration was off, as a share of the true one, on average.';
COMMENT ON COLUMN prediction_quality.naive_error IS 'The same for the median of all runs before.';
COMMENT ON COLUMN prediction_quality.risk_precision IS 'Of the runs said to be at risk of missing their SLA the share that did, from 0 to 1; NULL where none was.';
COMMENT ON COLUMN prediction_quality.risk_recall IS 'Of the runs that missed it the share of which that was said before, from 0 to 1; NULL where none did.';
COMMENT ON COLUMN prediction_quality.risk_lead_seconds IS 'How long before the deadline it was said, the median, in seconds.';
COMMENT ON COLUMN prediction_quality.median_precision IS 'The precision of going by the median of all runs before.';
COMMENT ON COLUMN prediction_quality.median_recall IS 'Its recall.';
COMMENT ON COLUMN prediction_quality.p95_precision IS 'The precision of going by what 95% of the runs before took.';
COMMENT ON COLUMN prediction_quality.p95_recall IS 'Its recall.';
COMMENT ON COLUMN prediction_quality.computed_at IS 'When it was worked out.';
