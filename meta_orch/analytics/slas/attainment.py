"""Whether a pipeline kept what it promised: pure, from its runs.

A promise is kept or broken at each deadline, or by each run, and these are what an error budget is
counted in: thirty runs at 99% may miss 0.3 times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from meta_orch.analytics.durations import ZERO, median
from meta_orch.config.slas import SlaConfig
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.ticks import cron, next_tick, tick_before, ticks
from meta_orch.domain.time import Window

_USUAL_OF = 30
_LEAST_FOR_USUAL = 5
"""Fewer runs have no usual duration."""


class Verdict(StrEnum):
    MET = "met"
    OPEN = "open"
    """Not yet decided."""
    LATE = "late"
    """It succeeded, or was to start and started, after the deadline."""
    RUNNING = "running"
    """The deadline is over, and it runs still; or it runs for longer than it may take."""
    LONG = "long"
    """It succeeded, and took longer than it may."""
    FAILED = "failed"
    MISSING = "missing"
    """Nothing ran."""

    @property
    def is_miss(self) -> bool:
        return self not in {Verdict.MET, Verdict.OPEN}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one deadline, or of one run."""

    at: datetime
    """The deadline; of a run without one its end, and its start where it runs."""
    verdict: Verdict
    run: Run | None = None
    """The one that decided."""
    over: timedelta | None = None
    """How much later than promised, or longer; less than nothing where there was room."""


@dataclass(frozen=True, slots=True)
class Attainment:
    """How a promise was kept over a time."""

    outcomes: tuple[Outcome, ...]
    """The earliest first."""
    target: float

    @property
    def met(self) -> int:
        return sum(outcome.verdict is Verdict.MET for outcome in self.outcomes)

    @property
    def missed(self) -> int:
        return sum(outcome.verdict.is_miss for outcome in self.outcomes)

    @property
    def share(self) -> float | None:
        """Of what is decided; None where nothing is."""
        decided = self.met + self.missed
        return self.met / decided if decided else None

    @property
    def budget(self) -> float:
        """How many more misses there may be, by what was decided so far; less than nothing where
        there were too many."""
        # Rounded, or one miss of ten at 90% would be too many by a hair.
        return round((1 - self.target) * (self.met + self.missed) - self.missed, 9)

    @property
    def streak(self) -> int:
        """How many times in a row it was met until now; as a negative number, missed."""
        decided = [o.verdict.is_miss for o in self.outcomes if o.verdict is not Verdict.OPEN]
        count = 0
        for is_miss in reversed(decided):
            if is_miss is not decided[-1]:
                break
            count += 1
        return -count if decided and decided[-1] else count

    @property
    def trend(self) -> float | None:
        """The share of the later half less that of the earlier one; None for fewer than four."""
        decided = [o.verdict is Verdict.MET for o in self.outcomes if o.verdict is not Verdict.OPEN]
        half = len(decided) // 2
        if half < 2:  # noqa: PLR2004  # one is no share
            return None
        earlier, later = decided[:half], decided[-half:]
        return (sum(later) - sum(earlier)) / half


def attainment(
    sla: SlaConfig, runs: Iterable[Run], now: datetime, *, known_since: datetime | None = None
) -> Attainment:
    """How a pipeline kept an SLA within its window.

    Args:
        runs: that ended within the window or are under way, and whatever else of the pipeline.
        known_since: what was before does not count.
    """
    since = max(now - sla.window, known_since or now - sla.window)
    begun = sorted(
        (run for run in runs if run.state is not RunState.SCHEDULED),
        key=lambda run: (run.ended_at or now, run.key.run_id),
    )
    if sla.finish_by is not None:
        found = _by_deadlines(sla, begun, since, now)
    else:
        found = [outcome for outcome in _each(sla, begun, now) if outcome.at >= since]
    return Attainment(tuple(sorted(found, key=lambda outcome: outcome.at)), sla.target)


def _each(sla: SlaConfig, runs: Sequence[Run], now: datetime) -> Iterator[Outcome]:
    """One outcome a run, or a success; whatever else is promised than deadlines.

    Args:
        runs: the one that ended first first.
    """
    if sla.fresh_within:
        yield from _of_successes(sla.fresh_within, runs, now)
    elif sla.duration_below:
        for run in runs:
            yield from _of_duration(sla.duration_below, run, now)
    elif sla.times_usual:
        usual = _Usual()
        for run in runs:
            if (duration := usual.duration) is not None:
                yield from _of_duration(duration * sla.times_usual, run, now)
            usual.take(run)
    elif sla.start_within:
        for run in runs:
            yield from _of_start(sla.start_within, run, now)
    else:
        for run in runs:
            yield from _of_success(run)


class _Usual:
    """The median duration of the last successful runs."""

    def __init__(self) -> None:
        self._durations: deque[timedelta] = deque(maxlen=_USUAL_OF)

    @property
    def duration(self) -> timedelta | None:
        """None while there are too few."""
        return median(self._durations) if len(self._durations) >= _LEAST_FOR_USUAL else None

    def take(self, run: Run) -> None:
        if run.state is RunState.SUCCEEDED and run.duration is not None:
            self._durations.append(run.duration)


def _by_deadlines(
    sla: SlaConfig, runs: Sequence[Run], since: datetime, now: datetime
) -> list[Outcome]:
    """The deadlines within the window, and the next one."""
    rule = [cron(sla.finish_by or "", sla.timezone)]
    following = next_tick(rule, now)
    deadlines = [*ticks(rule, Window(since, now)), *([following] if following else [])]
    if not deadlines:
        return []
    before = tick_before(rule, deadlines[0]) or since
    return [
        _of_deadline(
            deadline,
            [run for run in runs if run.due_at and previous < run.due_at <= deadline],
            now,
        )
        for previous, deadline in pairwise([before, *deadlines])
    ]


def _of_deadline(deadline: datetime, runs: Sequence[Run], now: datetime) -> Outcome:
    succeeded = [run for run in runs if run.state is RunState.SUCCEEDED and run.ended_at]
    if succeeded:
        first = succeeded[0]
        over = (first.ended_at or now) - deadline
        return Outcome(deadline, Verdict.LATE if over > ZERO else Verdict.MET, first, over)
    if now < deadline:
        return Outcome(deadline, Verdict.OPEN, runs[-1] if runs else None)
    under_way = [run for run in runs if not run.state.is_terminal]
    if under_way:
        return Outcome(deadline, Verdict.RUNNING, under_way[-1], now - deadline)
    if runs:
        return Outcome(deadline, Verdict.FAILED, runs[-1])
    return Outcome(deadline, Verdict.MISSING)


def _of_successes(limit: timedelta, runs: Sequence[Run], now: datetime) -> Iterator[Outcome]:
    """Each success sets the deadline of the next one."""
    last: datetime | None = None
    since: list[Run] = []
    for run in runs:
        since.append(run)
        if run.state is not RunState.SUCCEEDED or run.ended_at is None:
            continue
        if last is not None:
            yield _of_deadline(last + limit, [run], now)
        last, since = run.ended_at, []
    if last is not None:
        yield _of_deadline(last + limit, since, now)


def _of_duration(limit: timedelta, run: Run, now: datetime) -> Iterator[Outcome]:
    if run.started_at is None:
        return
    if not run.state.is_terminal:
        over = now - run.started_at - limit
        verdict = Verdict.RUNNING if over > ZERO else Verdict.OPEN
        yield Outcome(run.started_at + limit, verdict, run, over)
    elif run.state is RunState.SUCCEEDED and run.ended_at is not None:
        over = run.ended_at - run.started_at - limit
        yield Outcome(run.ended_at, Verdict.LONG if over > ZERO else Verdict.MET, run, over)


def _of_start(limit: timedelta, run: Run, now: datetime) -> Iterator[Outcome]:
    due = run.scheduled_at or run.due_at
    if run.trigger is not RunTrigger.SCHEDULE or due is None:
        return
    if run.started_at is None and run.state.is_terminal:
        return  # somebody decided that it should not
    over = (run.started_at or now) - due - limit
    if run.started_at is None:
        yield Outcome(due + limit, Verdict.MISSING if over > ZERO else Verdict.OPEN, run, over)
    else:
        yield Outcome(due + limit, Verdict.LATE if over > ZERO else Verdict.MET, run, over)


def _of_success(run: Run) -> Iterator[Outcome]:
    at = run.ended_at if run.state.is_terminal else run.started_at
    if at is None or run.state in {RunState.SKIPPED, RunState.REMOVED}:
        return
    if not run.state.is_terminal:
        yield Outcome(at, Verdict.OPEN, run)
    else:
        is_met = run.state is RunState.SUCCEEDED
        yield Outcome(at, Verdict.MET if is_met else Verdict.FAILED, run)
