-- One row per Dagster asset that a gate asked about, as a document.
SELECT to_json(f) FROM asset_fact_record AS f
