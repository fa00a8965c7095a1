-- Silences that have not ended by then, or all, as documents.
SELECT to_json({
  id: id, matchers: matchers, starts_at: epoch(starts_at), ends_at: epoch(ends_at), author: author,
  comment: reason
})
FROM silence_record
WHERE $since IS NULL OR ends_at > $since
ORDER BY id
