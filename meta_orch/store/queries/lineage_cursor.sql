-- One row, or none: where the next reading of a source of events goes on.
SELECT cursor FROM lineage_source_record WHERE source = $source
