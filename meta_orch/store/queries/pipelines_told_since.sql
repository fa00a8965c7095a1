-- Pipelines of which the store was told anything new since: (instance, pipeline).
SELECT DISTINCT instance, pipeline
FROM run_record
WHERE changed_at >= $since OR deleted_at >= $since
