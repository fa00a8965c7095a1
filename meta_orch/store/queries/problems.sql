-- What does not work of orchestrators.
SELECT instance, kind, part, said, since
FROM problem_record
ORDER BY instance, kind, part
