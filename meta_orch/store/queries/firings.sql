-- One row per firing, the last first, as a document.
SELECT to_json(f)
FROM firing_record AS f
WHERE ($id IS NULL OR f.id = $id)
  AND ($trigger IS NULL OR f.trigger = $trigger)
  AND (f.state IN ('planned', 'waiting', 'started') OR NOT $open)
ORDER BY f.fired_at DESC, f.id
LIMIT $most
