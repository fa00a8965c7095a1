-- Groups of which nothing is left.
DELETE FROM message_group_record WHERE list_contains($keys::VARCHAR[], group_key)
