-- The hours of a time, before they are measured anew.
DELETE FROM resource_hour_record WHERE hour >= $since AND hour < $until
