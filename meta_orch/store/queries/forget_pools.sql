-- The pools of one instance, before they are saved anew.
DELETE FROM pool_record WHERE instance = $instance
