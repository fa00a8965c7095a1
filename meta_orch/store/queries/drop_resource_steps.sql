-- What a day was measured by.
DROP TABLE resource_step
