-- The tasks that would save most, one row each: (instance, pipeline, task, saves_seconds,
-- makespan_seconds, on_path, runs).
SELECT t.instance, t.pipeline, t.task, t.saves_seconds, p.makespan_seconds, t.on_path, t.runs
FROM critical_path_tasks AS t
JOIN critical_paths AS p USING (instance, pipeline)
WHERE t.saves_seconds > 0
ORDER BY t.saves_seconds DESC, t.instance, t.pipeline, t.task
LIMIT $most
