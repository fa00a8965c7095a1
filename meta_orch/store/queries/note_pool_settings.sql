-- Limits that differ from what they were when they were last noted. One document per pool.
INSERT INTO pool_setting_record
WITH
seen AS (
  SELECT unnest(from_json_strict(document, '{
    "instance": "VARCHAR", "name": "VARCHAR", "slots": "BIGINT"
  }'))
  FROM (SELECT unnest($documents::VARCHAR[]) AS document)
),
last AS (
  SELECT instance, pool, arg_max(struct_pack(slots := slots), since) AS setting
  FROM pool_setting_record
  GROUP BY instance, pool
)
SELECT seen.instance, seen.name, seen.slots, $now::TIMESTAMPTZ
FROM seen
LEFT JOIN last ON last.instance = seen.instance AND last.pool = seen.name
WHERE last.pool IS NULL OR last.setting.slots IS DISTINCT FROM seen.slots
