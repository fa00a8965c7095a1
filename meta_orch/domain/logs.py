"""What runs say of themselves, line by line."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, or several that belong together: a trace."""

    text: str
    level: int = logging.INFO
    """One of Python's."""
    at: datetime | None = None
    """Aware UTC; None where the orchestrator does not tell."""
    task: str | None = None
    """Whose it is; None for the run's own."""


@dataclass(frozen=True, slots=True)
class LogPage:
    """What is new in the log of a run."""

    lines: tuple[LogLine, ...]
    cursor: str
    """Where the next reading goes on."""
    is_whole: bool = False
    """Whether all is read that will ever come; False where that is not known."""
