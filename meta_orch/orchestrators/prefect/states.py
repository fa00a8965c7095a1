"""Prefect's states. Their types are a closed set; their names are free, and a flow may make up
its own. So a state is read by its type, and by its name only where Prefect itself gives the name a
meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta_orch.domain.states import RunState

ACTIVE_TYPES = ("PENDING", "RUNNING", "PAUSED", "CANCELLING")
"""Begun and not ended. SCHEDULED is apart: most of it lies in the future."""
ENDED_TYPES = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

_BY_TYPE = {
    "SCHEDULED": RunState.SCHEDULED,
    "PENDING": RunState.QUEUED,
    "RUNNING": RunState.RUNNING,
    "PAUSED": RunState.WAITING,
    "CANCELLING": RunState.CANCELING,
    "COMPLETED": RunState.SUCCEEDED,
    "FAILED": RunState.FAILED,
    "CRASHED": RunState.FAILED,
    "CANCELLED": RunState.CANCELED,
}
_BY_NAME = {
    ("SCHEDULED", "Late"): RunState.QUEUED,
    ("SCHEDULED", "AwaitingConcurrencySlot"): RunState.QUEUED,
    ("SCHEDULED", "Resuming"): RunState.QUEUED,
    ("SCHEDULED", "AwaitingRetry"): RunState.RETRYING,
    # The last state of a task whose upstream failed; it never becomes a terminal type.
    ("PENDING", "NotReady"): RunState.UPSTREAM_FAILED,
}


def read_state(row: Mapping[str, Any]) -> tuple[RunState, str]:
    """The state of a flow run or task run, and its native name."""
    state_type = row.get("state_type") or ""
    name = row.get("state_name") or state_type or "unknown"
    state = _BY_NAME.get((state_type, name)) or _BY_TYPE.get(state_type, RunState.UNKNOWN)
    return state, name
