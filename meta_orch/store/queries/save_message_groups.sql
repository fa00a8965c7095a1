-- Groups, in place of what was known of them.
MERGE INTO message_group_record AS kept
USING (
  SELECT document ->> 'key' AS group_key, document
  FROM (SELECT unnest($documents::JSON[]) AS document)
) AS told
ON kept.group_key = told.group_key
WHEN MATCHED THEN UPDATE SET document = told.document
WHEN NOT MATCHED THEN INSERT VALUES (told.group_key, told.document)
