-- One row per pipeline that was ever held: its last hold, as a document.
SELECT to_json(h)
FROM hold_record AS h
WHERE $instance IS NULL OR h.instance = $instance
QUALIFY row_number() OVER (PARTITION BY h.instance, h.pipeline ORDER BY h.begun_at DESC, h.id) = 1
ORDER BY h.instance, h.pipeline
