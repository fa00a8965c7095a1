-- One row per instance that was ever read, as a document.
SELECT to_json(c)
FROM collector_record AS c
ORDER BY c.instance
