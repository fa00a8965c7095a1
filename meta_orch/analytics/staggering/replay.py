"""What recorded history would have been with other starts: first come, first served."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from meta_orch.analytics.durations import ZERO
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.store.measuring import SharedSpan

Deadline = Callable[[PipelineKey, datetime], datetime | None]
"""By when a pipeline was promised to end that was to begin at an instant; None where it was not."""


@dataclass(frozen=True, slots=True)
class Replayed:
    peak: float
    """The most units that were wanted at once, with those queued for."""
    queued: timedelta
    """Units that waited, times how long."""
    missed: int
    """Deadlines."""
    runs: int


def replay(
    spans: Iterable[SharedSpan],
    capacity: float,
    shifts: Mapping[PipelineKey, timedelta],
    deadline: Deadline = lambda _key, _at: None,
) -> Replayed:
    """Runs of one resource come when they were queued, later by their pipeline's shift, and take as
    long as they took, from when there is room. A deadline stays where it was.

    Args:
        spans: what was recorded.
        capacity: in units; what needs more than there is gets all of it.
    """
    arrivals = sorted(
        (
            (span.queued_at + shifts.get(span.pipeline, ZERO), span)
            for span in spans
            if span.ended_at > span.started_at
        ),
        key=lambda arrival: (arrival[0], str(arrival[1].pipeline), arrival[1].queued_at),
    )
    running: list[tuple[datetime, float]] = []
    free, ready = capacity, datetime.min.replace(tzinfo=arrivals[0][0].tzinfo) if arrivals else None
    queued, missed, changes = ZERO, 0, []
    for arrival, span in arrivals:
        units = min(span.units, capacity)
        begin = max(arrival, ready or arrival)  # who came before goes first
        while running and running[0][0] <= begin:
            free += heapq.heappop(running)[1]
        while free + 1e-9 < units:
            begin, back = heapq.heappop(running)
            free += back
        end = begin + (span.ended_at - span.started_at)
        free -= units
        heapq.heappush(running, (end, units))
        ready = begin
        queued += units * (begin - arrival)
        due = deadline(span.pipeline, span.queued_at)
        missed += due is not None and end > due
        changes += [(arrival, units), (end, -units)]
    return Replayed(_peak(changes), queued, missed, len(arrivals))


def _peak(changes: Iterable[tuple[datetime, float]]) -> float:
    """Ends come before starts of the same instant."""
    level = peak = 0.0
    for _, units in sorted(changes):
        level += units
        peak = max(peak, level)
    return round(peak, 6)
