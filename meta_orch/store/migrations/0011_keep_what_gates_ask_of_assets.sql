-- One row per Dagster asset that a gate asks about: (path).
CREATE TABLE asset_fact_record (
  path VARCHAR[],
  materialized_at TIMESTAMPTZ,
  failed_at TIMESTAMPTZ,
  checks JSON,
  seen_at TIMESTAMPTZ
);
