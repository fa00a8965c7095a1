"""Whether there is enough of a resource, by what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from meta_orch.store import StoreReader
from meta_orch.store.measuring import Summary

_SATURATED = 0.01
"""A heuristic: more was wanted than there is for so much of the time, at least, and it is too
little."""
_IDLE = 0.5
"""A heuristic: what was never wanted by more than this share of it is too much."""
_LEAST_DAYS = timedelta(days=7)
"""What is not seen in a week may come once a week: nothing is called too much before."""
_ROOM = 1.25
"""A heuristic: what is advised leaves so much above the highest peak."""


class Fit(StrEnum):
    UNDER = "too little"
    OVER = "too much"
    FITS = "fits"
    UNLIMITED = "no limit"


@dataclass(frozen=True, slots=True)
class Provision:
    """Of a resource over a time."""

    kind: str
    """orchestrator, pool or shared."""
    resource: str
    capacity: float | None
    """In units, the last; None where there is no limit."""
    peak_running: float
    peak_wanted: float
    """With what was queued for."""
    running: timedelta
    """Units in use times how long; so are the next two."""
    queued: timedelta
    excess: timedelta
    """Wanted above the capacity."""
    saturated: timedelta
    """How long more was wanted than there is."""
    length: timedelta
    """Of the time that was looked at."""

    @property
    def utilisation(self) -> float | None:
        """The share of the capacity that was in use, on average; None where there is no limit."""
        return self.running / (self.capacity * self.length) if self.capacity else None

    @property
    def fit(self) -> Fit:
        if self.capacity is None:
            return Fit.UNLIMITED
        if self.saturated >= _SATURATED * self.length:
            return Fit.UNDER
        if self.peak_wanted <= _IDLE * self.capacity and self.length >= _LEAST_DAYS:
            return Fit.OVER
        return Fit.FITS

    @property
    def advised(self) -> int | None:
        """A capacity that would do: of what is too much the highest peak and a quarter more, of
        what is too little the highest peak. None where it fits."""
        if self.fit is Fit.OVER:
            return max(1, math.ceil(self.peak_wanted * _ROOM))
        return math.ceil(self.peak_wanted) if self.fit is Fit.UNDER else None


def provisions(reader: StoreReader, now: datetime, length: timedelta) -> tuple[Provision, ...]:
    """Of each resource that was in use since then, the one that lacked most first.

    Args:
        length: of the time up to now that is looked at; from the beginning of that hour.
    """
    since = (now - length).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return tuple(_provision(each, now - since) for each in reader.measurements.summary(since, now))


def _provision(found: Summary, length: timedelta) -> Provision:
    return Provision(
        found.kind,
        found.resource,
        found.capacity,
        found.peak_running,
        found.peak_wanted,
        timedelta(seconds=found.running_unit_seconds),
        timedelta(seconds=found.queued_unit_seconds),
        timedelta(seconds=found.excess_unit_seconds),
        timedelta(seconds=found.saturated_seconds),
        length,
    )
