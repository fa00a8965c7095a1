-- One row per pipeline that somebody lets run now: the last that was said, as a document.
SELECT to_json(o)
FROM gate_override_record AS o
WHERE said_at <= $now AND expires_at > $now
QUALIFY row_number() OVER (PARTITION BY pipeline ORDER BY said_at DESC) = 1
