-- One row per action, the last first, as a document.
SELECT to_json(a)
FROM action_record AS a
WHERE ($id IS NULL OR a.id = $id)
  AND ($instance IS NULL OR a.instance = $instance)
  AND ($pipeline IS NULL OR a.pipeline = $pipeline)
ORDER BY a.acted_at DESC, a.id
LIMIT $most
