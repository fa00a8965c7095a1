"""What pipelines promise, how they keep it, and what they could promise."""
