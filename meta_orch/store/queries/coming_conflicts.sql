-- Conflicts that will be within a day, as they were last foreseen. Instants in seconds since 1970.
SELECT
  resource, epoch(since), epoch(until), capacity, peak, list_sort(pipelines), epoch(computed_at)
FROM conflict_record
WHERE is_coming AND since > $now AND since <= $now + INTERVAL 1 DAY
ORDER BY resource, since
