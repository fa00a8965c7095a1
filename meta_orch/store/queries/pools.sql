-- One row per pool, as a document; of one instance, or of all.
SELECT to_json(p)
FROM pool_record AS p
WHERE $instance IS NULL OR p.instance = $instance
ORDER BY p.instance, p.name
