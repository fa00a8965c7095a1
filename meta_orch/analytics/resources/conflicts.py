"""Where pipelines want more of a resource than there is: when, who, and how much harm that does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from meta_orch.analytics.durations import ZERO
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.store.measuring import SharedSpan

_NEAR = timedelta(minutes=5)
"""What begins again so soon is the same conflict."""


@dataclass(frozen=True, slots=True)
class Conflict:
    resource: str
    since: datetime
    until: datetime
    capacity: float
    peak: float
    """The most units that were wanted at once."""
    harm: timedelta
    """Units wanted above the capacity, times how long: what somebody waits for, or works slower."""
    shares: Mapping[PipelineKey, timedelta]
    """Units that each pipeline wanted meanwhile, times how long; the most first."""

    @property
    def instances(self) -> tuple[str, ...]:
        """The orchestrators that compete, sorted."""
        return tuple(sorted({key.instance for key in self.shares}))


def find_conflicts(
    spans: Iterable[SharedSpan], capacities: Mapping[str, float]
) -> tuple[Conflict, ...]:
    """The ones that do most harm first.

    Args:
        spans: each wants its units from when it is queued to its end.
        capacities: by resource.
    """
    by_resource: defaultdict[str, list[SharedSpan]] = defaultdict(list)
    for span in spans:
        if span.ended_at > span.queued_at:
            by_resource[span.resource].append(span)
    found = [
        conflict
        for resource, of_resource in by_resource.items()
        for conflict in _of_resource(resource, of_resource, capacities[resource])
    ]
    return tuple(sorted(found, key=lambda c: (-c.harm, c.since, c.resource)))


@dataclass(slots=True)
class _Step:
    """Between two changes."""

    since: datetime
    until: datetime
    level: float


def _of_resource(resource: str, spans: Sequence[SharedSpan], capacity: float) -> Iterator[Conflict]:
    ordered = sorted(spans, key=lambda span: span.queued_at)
    first = 0
    for steps in _together([s for s in _steps(ordered) if s.level > capacity]):
        since, until = steps[0].since, steps[-1].until
        while first < len(ordered) and ordered[first].ended_at <= since:
            first += 1
        shares: defaultdict[PipelineKey, timedelta] = defaultdict(timedelta)
        for span in ordered[first:]:
            if span.queued_at >= until:
                break
            inside = min(span.ended_at, until) - max(span.queued_at, since)
            if inside > ZERO:
                shares[span.pipeline] += span.units * inside
        yield Conflict(
            resource,
            since,
            until,
            capacity,
            max(step.level for step in steps),
            sum(((s.level - capacity) * (s.until - s.since) for s in steps), ZERO),
            dict(sorted(shares.items(), key=lambda share: (-share[1], share[0]))),
        )


def _steps(spans: Iterable[SharedSpan]) -> Iterator[_Step]:
    """How many units are wanted from one change to the next."""
    changes = sorted(
        change
        for span in spans
        for change in ((span.queued_at, span.units), (span.ended_at, -span.units))
    )
    level, since = 0.0, None
    for instant, of_instant in groupby(changes, key=lambda change: change[0]):
        if since is not None:
            yield _Step(since, instant, level)
        # Rounded, as sums of fractions leave crumbs.
        level = round(level + sum(units for _, units in of_instant), 6)
        since = instant


def _together(steps: Iterable[_Step]) -> Iterator[list[_Step]]:
    """Steps that follow each other, or nearly."""
    group: list[_Step] = []
    for step in steps:
        if group and step.since - group[-1].until > _NEAR:
            yield group
            group = []
        group.append(step)
    if group:
        yield group
