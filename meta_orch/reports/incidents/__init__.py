"""The incident report: of one incident, and of a time."""
