-- Messages that wait, as documents: those of each receiver in the order in which they came about.
SELECT to_json({
  id: id, receiver: receiver, state: state, created_at: epoch(created_at),
  next_attempt_at: epoch(next_attempt_at), attempts: attempts, delivered_at: epoch(delivered_at), error: error,
  message: message
})
FROM delivery_record
WHERE state = 'pending'
ORDER BY receiver, created_at, id
