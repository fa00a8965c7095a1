"""How messages get to people and programs: a module a kind of receiver, and `outbox`, which keeps
at it until they are there."""
