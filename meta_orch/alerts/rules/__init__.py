"""What is wrong: each module finds some of the conditions, from what the store has."""
