-- That a day was measured, in place of when it was before.
MERGE INTO measured_day_record AS kept
USING (SELECT $day::DATE AS day, $uses::VARCHAR AS uses, $now::TIMESTAMPTZ AS measured_at) AS seen
ON kept.day = seen.day
WHEN MATCHED THEN UPDATE SET uses = seen.uses, measured_at = seen.measured_at
WHEN NOT MATCHED THEN INSERT (day, uses, measured_at)
VALUES (seen.day, seen.uses, seen.measured_at)
