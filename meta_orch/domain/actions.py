"""What is done to an orchestrator, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from meta_orch.domain.pipelines import PipelineKey


class ActionKind(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    START_RUN = "start run"
    CANCEL_RUN = "cancel run"
    SKIP_TICK = "skip tick"


class Outcome(StrEnum):
    BEGUN = "begun"
    """It was about to be done; where nothing more is told, what did it died meanwhile."""
    DONE = "done"
    FAILED = "failed"
    """The orchestrator did not do it, or did not say."""
    DRY_RUN = "dry run"
    """It would have been done."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing done to one pipeline."""

    id: str
    kind: ActionKind
    pipeline: PipelineKey
    reason: str
    by: str
    """Who wants it: a person, or `gate` or `trigger NAME`."""
    through: str
    """What did it: a sensor, a Dagster run, or a command."""
    at: datetime
    outcome: Outcome
    before: str | None = None
    """What it was like, in a word: `active`, `paused`."""
    after: str | None = None
    """What it became: `paused`, or the run that was started."""
    message: str | None = None
    """Why it failed."""
    undoes: str | None = None
    """The action that it takes back."""

    @property
    def is_pending(self) -> bool:
        return self.outcome is Outcome.BEGUN
