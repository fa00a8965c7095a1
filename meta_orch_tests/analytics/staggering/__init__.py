"""New start minutes."""
