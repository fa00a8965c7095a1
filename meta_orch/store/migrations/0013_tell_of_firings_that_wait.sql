COMMENT ON COLUMN firings.state IS 'planned, waiting, started, succeeded, failed, canceled, refused or dry run.';
COMMENT ON COLUMN firings.message IS 'Why it waits, failed or was refused.';
