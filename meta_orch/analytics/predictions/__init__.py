"""When what runs, or is to run, will end; and how far such predictions have been right."""
