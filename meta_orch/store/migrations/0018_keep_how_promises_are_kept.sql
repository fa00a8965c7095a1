-- How an SLA is kept, as it was last worked out: (sla, pipeline).
CREATE TABLE sla_record (
  sla VARCHAR,
  instance VARCHAR,
  pipeline VARCHAR,
  target DOUBLE,
  met BIGINT,
  missed BIGINT,
  share DOUBLE,
  budget DOUBLE,
  streak BIGINT,
  trend DOUBLE,
  misses STRUCT(
    missed_at TIMESTAMPTZ,
    verdict VARCHAR,
    over_seconds DOUBLE,
    run_id VARCHAR,
    cause VARCHAR
  )[],
  computed_at TIMESTAMPTZ
);

-- When what is promised for the next day will be done, as it was last predicted: (sla, pipeline,
-- deadline).
CREATE TABLE outlook_record (
  sla VARCHAR,
  instance VARCHAR,
  pipeline VARCHAR,
  deadline TIMESTAMPTZ,
  risk DOUBLE,
  expected_at TIMESTAMPTZ,
  likely_from TIMESTAMPTZ,
  likely_to TIMESTAMPTZ,
  decided_by VARCHAR[],
  computed_at TIMESTAMPTZ
);

CREATE VIEW sla_attainment AS
SELECT sla, instance, pipeline, target, met, missed, share, budget, streak, trend, computed_at
FROM sla_record;

COMMENT ON VIEW sla_attainment IS 'A row is a pipeline that an SLA in meta_orch.yaml names: how it was kept within the window of the SLA. Worked out each night, by the asset meta_orch/slas.';
COMMENT ON COLUMN sla_attainment.sla IS 'The name in meta_orch.yaml.';
COMMENT ON COLUMN sla_attainment.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN sla_attainment.pipeline IS 'The pipeline; of a chain its last one.';
COMMENT ON COLUMN sla_attainment.target IS 'The share that is promised, from 0 to 1.';
COMMENT ON COLUMN sla_attainment.met IS 'How many deadlines or runs met it.';
COMMENT ON COLUMN sla_attainment.missed IS 'How many missed it.';
COMMENT ON COLUMN sla_attainment.share IS 'The share that met it, from 0 to 1; NULL where nothing is decided.';
COMMENT ON COLUMN sla_attainment.budget IS 'How many more misses there may be; less than nothing where there were too many.';
COMMENT ON COLUMN sla_attainment.streak IS 'How many times in a row it was met until now; as a negative number, missed.';
COMMENT ON COLUMN sla_attainment.trend IS 'The share of the later half less that of the earlier one; NULL for fewer than four.';
COMMENT ON COLUMN sla_attainment.computed_at IS 'When it was worked out.';

CREATE VIEW sla_misses AS
SELECT
  kept.sla,
  kept.instance,
  kept.pipeline,
  miss.missed_at AS missed_at,
  miss.verdict AS verdict,
  miss.over_seconds AS over_seconds,
  miss.run_id AS run_id,
  miss.cause AS cause
FROM sla_record AS kept, unnest(kept.misses) AS unnested(miss);

COMMENT ON VIEW sla_misses IS 'A row is a time that an SLA was missed.';
COMMENT ON COLUMN sla_misses.sla IS 'The name in meta_orch.yaml.';
COMMENT ON COLUMN sla_misses.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN sla_misses.pipeline IS 'The pipeline; of a chain its last one.';
COMMENT ON COLUMN sla_misses.missed_at IS 'The deadline, or when the run ended.';
COMMENT ON COLUMN sla_misses.verdict IS 'late, running, long, failed or missing.';
COMMENT ON COLUMN sla_misses.over_seconds IS 'How much later than promised, or longer, in seconds; NULL where it never came.';
COMMENT ON COLUMN sla_misses.run_id IS 'The run that decided; NULL where nothing ran.';
COMMENT ON COLUMN sla_misses.cause IS 'What was unusual of that run, in words; NULL where nothing tells.';

CREATE VIEW outlooks AS
SELECT
  sla,
  instance,
  pipeline,
  deadline,
  risk,
  expected_at,
  likely_from,
  likely_to,
  decided_by,
  computed_at
FROM outlook_record;

COMMENT ON VIEW outlooks IS 'A row is something that was promised for the next day when this was worked out, each night and with each report; meta-orch predict has it as things are.';
COMMENT ON COLUMN outlooks.sla IS 'The name in meta_orch.yaml.';
COMMENT ON COLUMN outlooks.instance IS 'The orchestrator, by its name in meta_orch.yaml.';
COMMENT ON COLUMN outlooks.pipeline IS 'The pipeline; of a chain its last one.';
COMMENT ON COLUMN outlooks.deadline IS 'By when.';
COMMENT ON COLUMN outlooks.risk IS 'The probability that it is missed, from 0 to 1.';
COMMENT ON COLUMN outlooks.expected_at IS 'When it will be done, the median; NULL where its run failed and no other is due.';
COMMENT ON COLUMN outlooks.likely_from IS 'Four times of five it is done between this and the next.';
COMMENT ON COLUMN outlooks.likely_to IS 'The end of that range.';
COMMENT ON COLUMN outlooks.decided_by IS 'A list of the pipelines that decide when, the first one first.';
COMMENT ON COLUMN outlooks.computed_at IS 'When it was worked out.';
