-- All of them: they are worked out anew as a whole.
DELETE FROM conflict_record
