"""What every adapter must do: one set of tests for the fake, for recorded and for live servers.

An orchestrator joins with a `Subject` (`subject.py`), which knows how to make things happen on its
server, and a line in `SUBJECTS` (`conftest.py`). What it has no notion of, it names in `lacks`,
with the reason: the tests that need it are then expected to fail, and must.
"""
