-- One row, or none: the pipeline of an instance that is to be listed next.
SELECT next_pipeline FROM reconciliation_record WHERE instance = $instance
