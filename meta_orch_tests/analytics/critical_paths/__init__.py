"""What decided when runs ended."""
