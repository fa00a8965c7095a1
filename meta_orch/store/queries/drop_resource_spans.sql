-- What a day was measured from.
DROP TABLE resource_span
