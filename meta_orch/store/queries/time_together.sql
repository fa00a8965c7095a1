-- From the temporary table time_together, those that were together longest first.
SELECT kind, resource, pipeline, other, sum(times)::BIGINT, sum(seconds)
FROM time_together
GROUP BY ALL
ORDER BY sum(seconds) DESC, resource, pipeline, other
LIMIT $most
