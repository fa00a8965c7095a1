"""Holds: pipelines that are kept from running until their upstreams are ready."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from meta_orch.domain.pipelines import PipelineKey


class HoldState(StrEnum):
    PLANNED = "planned"
    """It is about to be paused. Found so later, it may or may not have been."""
    HELD = "held"
    RELEASED = "released"
    """Its upstreams became ready, or somebody let it run."""
    SKIPPED = "skipped"
    """It was kept paused until its run was past, which did not take place."""
    EXPIRED = "expired"
    """It was held for as long as a hold may last."""
    ENDED_BY_HAND = "ended by hand"
    """Somebody resumed the pipeline in its orchestrator, or undid the pause."""
    REFUSED = "refused"
    """The orchestrator does not let us pause it."""

    @property
    def is_open(self) -> bool:
        return self in {HoldState.PLANNED, HoldState.HELD}

    @property
    def is_final(self) -> bool:
        """Whether the same run is not to be held again."""
        return not self.is_open and self is not HoldState.RELEASED


@dataclass(frozen=True, slots=True)
class Hold:
    """A pipeline that is paused before a run is due and resumed after, by us."""

    id: str
    pipeline: PipelineKey
    due_at: datetime
    """What the run that is held was due for."""
    owner: str
    """Who holds it: `gate`."""
    reason: str
    """The upstreams that are not ready, in words."""
    begun_at: datetime
    expires_at: datetime
    state: HoldState
    is_dry_run: bool = False
    """Whether nothing was paused: it says what would have been held."""
    ended_at: datetime | None = None
    ended_because: str | None = None
