"""Triggers: what happened upstream, and the runs that it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from meta_orch.domain.edges import AssetPath
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that a trigger waits for, and that happened once."""

    upstream: AssetPath
    id: str
    """Unique to the upstream: a run's id, the tick that one is late for, a materialization."""
    at: datetime
    run: Run | None = None


class FiringState(StrEnum):
    PLANNED = "planned"
    """It is on record, and its run is asked for."""
    WAITING = "waiting"
    """The gate of what it starts does not let it run yet."""
    STARTED = "started"
    """The orchestrator has the run."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REFUSED = "refused"
    """The run was not started, and will not be."""
    DRY_RUN = "dry run"
    """It would have been started."""

    @property
    def is_open(self) -> bool:
        return self in {FiringState.PLANNED, FiringState.WAITING, FiringState.STARTED}


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that a trigger starts a run."""

    id: str
    """The same for the same occurrences: what is asked for by it twice is started once."""
    trigger: str
    target: PipelineKey
    fired_at: datetime
    state: FiringState
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    run_id: str | None = None
    """The orchestrator's own, once it is started."""
    followed_at: datetime | None = None
    """When what follows the run last gave a sign of life."""
    ended_at: datetime | None = None
    message: str | None = None
