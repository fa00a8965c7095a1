"""What can go wrong in the demonstration, each with a text made for the person at the terminal."""

from __future__ import annotations

from meta_orch.domain.errors import MetaOrchError


class DemoError(MetaOrchError):
    """The demonstration cannot go on; the text says why and what to do."""


class EnvironmentFailed(DemoError):
    """An orchestrator's environment could not be installed."""


class PortBusy(DemoError):
    """Somebody else listens on a port that was asked for."""


class ProcessDied(DemoError):
    """A process ended that should have gone on; the text holds the end of its log."""


class RequestFailed(DemoError, OSError):
    """A server answered with an error, or not at all; then `status` is None."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NotReady(DemoError):
    """Something did not come about within its time."""
