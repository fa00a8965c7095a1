-- One row per use of a dataset by a job that one of these sources tells, as a document.
SELECT DISTINCT to_json({jobs: u.jobs, uri: u.uri, is_written: u.is_written})
FROM dataset_use_record AS u
WHERE u.source IN (SELECT unnest($sources::VARCHAR[]))
