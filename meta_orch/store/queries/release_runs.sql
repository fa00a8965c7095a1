-- A reason to keep runs is gone.
DELETE FROM kept_run_record WHERE reason = $reason
