-- How many messages each receiver was sent since.
SELECT receiver, count(*)
FROM delivery_record
WHERE delivered_at > $since
GROUP BY ALL
