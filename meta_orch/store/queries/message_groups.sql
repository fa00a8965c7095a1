-- Groups of incidents that routes tell together, as documents.
SELECT document FROM message_group_record ORDER BY group_key
