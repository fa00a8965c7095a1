-- The workflows of a trace in the format of the Workflow Trace Archive: of the columns that are
-- asked for those that it has, by when they were submitted.
SELECT COLUMNS(c -> c IN ('id', 'ts_submit', 'application_name', 'scheduler'))
FROM read_parquet($files)
ORDER BY ts_submit, id
