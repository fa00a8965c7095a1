"""The report that people forward: what was, what is worth acting on, and what is not covered."""
