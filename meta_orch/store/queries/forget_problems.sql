-- Forget what did not work of an instance.
DELETE FROM problem_record WHERE instance = $instance
