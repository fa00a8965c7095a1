-- Pipelines of one instance that its catalogue no longer holds.
UPDATE pipeline_record
SET removed_at = $now
WHERE instance = $instance
  AND removed_at IS NULL
  AND name NOT IN (SELECT unnest($names::VARCHAR[]))
