"""What the history tells: where runs lose their time."""
