"""Leaving a server alone that does not answer.

A circuit is closed as long as readings succeed. After `FAILURES_BEFORE_OPEN` that failed one after
the other it is open: nothing is asked until a pause is over, and then one reading tries (the half
open state of M. Nygard's Circuit Breaker, *Release It!*). Each failure more doubles the pause.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_BEFORE_OPEN = 3
LONGEST_PAUSE = timedelta(minutes=10)
LONGEST_WISH = timedelta(hours=1)
"""What a server may ask to be left alone for, at most."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """Of one instance."""

    failures: int = 0
    """Readings that brought nothing since the last that brought something."""
    retry_at: datetime | None = None
    """Until then nothing is asked, UTC; None where it is closed."""

    def is_open(self, now: datetime) -> bool:
        return self.retry_at is not None and now < self.retry_at

    def after_success(self) -> Circuit:
        return Circuit()

    def after_failure(
        self,
        now: datetime,
        *,
        poll_interval: timedelta,
        draw: float,
        retry_after: timedelta | None = None,
    ) -> Circuit:
        """The circuit once one more reading has failed.

        Args:
            poll_interval: what the first pause is made of.
            draw: by chance, from 0 to 1: how much of the second half of the pause is taken, so that
                several instances behind one proxy do not come back together.
            retry_after: how long the server asked to be left alone.
        """
        failures = self.failures + 1
        pause = timedelta(0)
        if failures >= FAILURES_BEFORE_OPEN:
            doublings = min(failures - FAILURES_BEFORE_OPEN, 20)
            pause = min(2 * poll_interval * 2**doublings, LONGEST_PAUSE) * (0.5 + draw / 2)
        if retry_after is not None:
            pause = max(pause, min(retry_after, LONGEST_WISH))
        return Circuit(failures, now + pause if pause else None)
