-- All of it: it is worked out anew as a whole.
DELETE FROM outlook_record
