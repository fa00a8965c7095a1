-- Messages that need not be sent any more.
DELETE FROM delivery_record WHERE state <> 'pending' AND created_at < $before
