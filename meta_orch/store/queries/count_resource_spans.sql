-- How many spans a day's measurement rests on: (spans).
SELECT count(*) FROM resource_span
