INSERT INTO gate_override_record
VALUES ($pipeline::VARCHAR[], $said_by, $reason, $said_at, $expires_at)
