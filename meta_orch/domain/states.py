"""The one closed set of states that every orchestrator's own states are read into.

The native state is kept beside it on each run, so nothing is lost by the reading.
"""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """What a run, or a task run, is doing or came to."""

    SCHEDULED = "scheduled"
    """Known for a later time, or waiting for its upstream tasks."""
    QUEUED = "queued"
    """Due, and waiting for capacity."""
    RUNNING = "running"
    WAITING = "waiting"
    """Begun, and holding no worker: deferred, rescheduled, paused, suspended, or for a person."""
    RETRYING = "retrying"
    """An attempt failed and another will follow."""
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    """Never ran, because something before it failed."""
    REMOVED = "removed"
    """Its task is no longer in the pipeline."""
    UNKNOWN = "unknown"
    """A native state this version does not know; it is read again, never taken for an end."""

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more follows unless somebody acts."""
        return self in TERMINAL_STATES

    @property
    def is_failure(self) -> bool:
        return self in FAILURE_STATES


TERMINAL_STATES = frozenset(
    {
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.CANCELED,
        RunState.SKIPPED,
        RunState.UPSTREAM_FAILED,
        RunState.REMOVED,
    }
)
FAILURE_STATES = frozenset({RunState.FAILED, RunState.UPSTREAM_FAILED})


class RunTrigger(StrEnum):
    """What started a run."""

    SCHEDULE = "schedule"
    ASSET = "asset"
    MANUAL = "manual"
    """A person or a program asked for it."""
    PARENT = "parent"
    """Another run started it: a subflow, a trigger operator."""
    BACKFILL = "backfill"
    SENSOR = "sensor"
    UNKNOWN = "unknown"
