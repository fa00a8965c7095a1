"""Which run of a pipeline is asked about, and which runs of its upstreams that needs.

Every pipeline's time is cut by the ticks of its schedule. A run belongs to the tick that it is due
for (`Run.due_at`), whatever the time zones of the two: a window is a span of instants. So a run
that is due at one tick needs, of each upstream, the ticks since the tick before; where the upstream
has none in between, because it is the slower one, the last one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from meta_orch.dependencies.graph import Lineage
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.schedules import Schedule
from meta_orch.domain.ticks import has_ticks, last_tick, next_tick, rules, tick_before, ticks
from meta_orch.domain.time import Window


@dataclass(frozen=True, slots=True)
class Occasion:
    """The run that a gate decides about."""

    due_at: datetime
    """When it may begin at the earliest; in the past where it should have begun."""
    window: Window
    """The span, its end in it and its start not, of which it needs its upstreams' ticks."""


class Cadence:
    """The rules by which new data comes from a pipeline. It remembers what it worked out, since a
    thousand edges may ask the same.

    Args:
        schedules: none where they are not known: then the last outcome counts, however old.
    """

    def __init__(self, schedules: Iterable[Schedule] = ()) -> None:
        self.schedules = rules(schedules)
        self._needed: dict[Window, tuple[datetime, ...]] = {}
        self._until: dict[datetime, datetime | None] = {}

    def needed(self, window: Window) -> tuple[datetime, ...]:
        """The ticks that a downstream with this window needs."""
        if not self.schedules:
            return ()
        if window not in self._needed:
            found = ticks(self.schedules, window)
            if not found:
                before = last_tick(self.schedules, window.start)
                found = (before,) if before is not None else ()
            self._needed[window] = found
        return self._needed[window]

    def until(self, tick: datetime) -> datetime | None:
        """The tick after, to which later runs belong; None where there is none."""
        if tick not in self._until:
            self._until[tick] = next_tick(self.schedules, tick)
        return self._until[tick]

    @property
    def pace(self) -> int:
        """How many ticks it has in a year: less for the slower."""
        return len(ticks(self.schedules, _A_YEAR))


class Cadences:
    """The cadences of all pipelines. One without ticks of its own, as it is started by others, has
    that of the slowest of its upstreams."""

    def __init__(self, pipelines: Mapping[AssetPath, Pipeline], lineage: Lineage) -> None:
        self._pipelines = pipelines
        self._lineage = lineage
        self._known: dict[AssetPath, Cadence] = {}
        self._shared: dict[tuple[Schedule, ...], Cadence] = {}

    def of(self, asset: AssetPath) -> Cadence:
        return self._of(asset, frozenset())

    def _of(self, asset: AssetPath, below: frozenset[AssetPath]) -> Cadence:
        """Args:
        below: what is being worked out; a cycle ends there.
        """
        if asset in self._known:
            return self._known[asset]
        pipeline = self._pipelines.get(asset)
        own = rules(pipeline.schedules) if pipeline else ()
        if has_ticks(own):
            found = self._shared.setdefault(own, Cadence(own))
        elif asset in below:
            return _NONE
        else:
            above = (self._of(edge.upstream, below | {asset}) for edge in self._lineage.into(asset))
            paced = [cadence for cadence in above if cadence.schedules]
            found = min(paced, key=lambda cadence: cadence.pace, default=_NONE)
        if not below or found.schedules:
            self._known[asset] = found
        return found


_NONE = Cadence()
_A_YEAR = Window(
    datetime.fromisoformat("2025-01-01T00:00:00+00:00"),
    datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
)


def occasion_of(
    schedules: Sequence[Schedule],
    now: datetime,
    *,
    last_due: datetime | None,
    last_started: datetime | None,
) -> Occasion:
    """The run that comes next, or that should have begun and has not.

    Args:
        last_due: what the latest run that began was due for.
        last_started: when the pipeline last began to run; a run without a schedule needs what came
            since.
    """
    last = last_tick(schedules, now)
    if last is not None and (last_due is None or last_due >= last):
        last = None  # it has begun, or is new here and none of its runs was missed
    due = last or next_tick(schedules, now)
    if due is None:
        return Occasion(now, Window(min(last_started or now, now), now))
    return occasion_at(schedules, due)


def occasion_at(schedules: Sequence[Schedule], due: datetime) -> Occasion:
    """The run that is due at an instant, which is best a tick."""
    before = tick_before(schedules, due)
    return Occasion(due, Window(before if before is not None else due, due))
