-- Who used what on a day, before it is measured anew.
DELETE FROM resource_user_record WHERE day = $day
