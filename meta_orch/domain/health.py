"""What does not work of an orchestrator itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ProblemKind(StrEnum):
    DOWN = "down"
    """A part without which nothing runs: a scheduler, a database, a daemon."""
    WORKER_GONE = "worker gone"
    """Nobody takes the runs of a work pool."""
    IMPORT_FAILED = "import failed"
    """A file of definitions, or a code location, cannot be loaded."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of an orchestrator that does not work, as the orchestrator says."""

    kind: ProblemKind
    part: str
    """`scheduler`, a work pool, a file."""
    text: str
    """What of it, in a line and without secrets."""
    since: datetime | None = None
    """Aware UTC; None where the orchestrator does not tell."""
