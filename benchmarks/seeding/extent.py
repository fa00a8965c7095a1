"""How much a server is filled with, and how that is spread."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """Of pipelines."""

    PLAIN = "plain"
    MAPPED = "mapped"
    """Has one task, which is run once for each of several parts."""


class Outcome(StrEnum):
    """Of runs."""

    SUCCEEDED = "succeeded"
    RETRIED = "retried"
    """A task succeeded at its second attempt."""
    FAILED = "failed"
    """The last task failed at its second attempt."""


_MAPPED_EACH = 10
_FAILED = 0.02
_RETRIED = 0.05
TEMPLATES = (
    (Kind.PLAIN, Outcome.SUCCEEDED),
    (Kind.PLAIN, Outcome.RETRIED),
    (Kind.PLAIN, Outcome.FAILED),
    (Kind.MAPPED, Outcome.SUCCEEDED),
)
"""The runs of a real server that all others are copies of, in the order in which they are begun."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a server holds once it is filled."""

    pipelines: int
    runs: int = 0
    tasks: int = 3
    """Task runs of each run."""
    lookback: timedelta = timedelta(days=30)
    """Runs are spread evenly over it, by chance."""
    recent: timedelta = timedelta(hours=1)
    """Before now, in which there are none: longer than any reader looks back for what was committed
    late."""

    def kinds(self) -> Iterator[Kind]:
        """One for each pipeline: every tenth is mapped."""
        for number in range(self.pipelines):
            yield Kind.MAPPED if number % _MAPPED_EACH == _MAPPED_EACH - 1 else Kind.PLAIN

    def times(self, now: datetime, chance: random.Random) -> list[datetime]:
        """When the runs begin, in order."""
        begin, end = now - self.lookback + self.recent, now - self.recent
        return sorted(begin + chance.random() * (end - begin) for _ in range(self.runs))


def choose_outcome(kind: Kind, chance: random.Random) -> Outcome:
    """Of a plain pipeline's runs some fail, and some have a task retried."""
    drawn = chance.random()
    if kind is Kind.MAPPED or drawn >= _FAILED + _RETRIED:
        return Outcome.SUCCEEDED
    return Outcome.FAILED if drawn < _FAILED else Outcome.RETRIED
