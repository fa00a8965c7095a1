-- All of them: they are worked out anew as a whole.
DELETE FROM stagger_plan_record
