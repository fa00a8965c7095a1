-- Up to where an instance is in this store: one row, or none.
SELECT fingerprint, cursor
FROM progress_record
WHERE instance = $instance
