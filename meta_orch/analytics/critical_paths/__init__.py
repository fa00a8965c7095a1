"""What decided when runs ended, and what usually does."""
