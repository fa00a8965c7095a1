-- One row per pipeline that exists now, as a document; of one instance and of some names, or of all.
SELECT to_json(p)
FROM pipeline_record AS p
WHERE p.removed_at IS NULL
  AND ($instance IS NULL OR p.instance = $instance)
  AND ($names IS NULL OR p.name IN $names)
ORDER BY p.instance, p.name
