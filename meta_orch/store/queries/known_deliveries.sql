-- Which of these messages there are.
SELECT id FROM delivery_record WHERE list_contains($ids::VARCHAR[], id)
