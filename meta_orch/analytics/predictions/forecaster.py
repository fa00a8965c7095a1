"""When pipelines will end that run, are due, or wait for others: delays go on along the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import numpy as np

from meta_orch.analytics.predictions.durations import DurationModel
from meta_orch.analytics.predictions.forecast import LEVELS, Floats, Forecast, quantiles_of
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.schedules import Schedule
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import next_tick, ticks
from meta_orch.domain.time import Window
from meta_orch.store.tracing import PastRun

_AT_ONCE: Floats = np.zeros(len(LEVELS))
_FAR_APART = 6 * 3600
"""Seconds: what begins so long after its upstream's end did not wait for that."""


@dataclass(frozen=True)
class Known:
    """What is known of a pipeline."""

    schedules: Sequence[Schedule]
    model: DurationModel | None
    past: Sequence[PastRun]
    """Its last successful runs, by start."""
    runs: Sequence[Run]
    """Those that ended lately or are under way."""
    widths: Mapping[RunKey, int] = field(default_factory=dict)
    """How many task runs those under way will have, where that matters and can be told."""
    lags: Floats = field(init=False)
    """From when a run is due to its start, in seconds: quantiles."""

    def __post_init__(self) -> None:
        found = sorted(
            max(0.0, (run.started_at - run.due_at).total_seconds())
            for run in self.past
            if run.due_at is not None
        )
        object.__setattr__(self, "lags", quantiles_of(np.array(found)) if found else _AT_ONCE)


@dataclass(frozen=True, slots=True)
class Expectation:
    """When a pipeline will have succeeded."""

    end: Forecast
    because: tuple[AssetPath, ...]
    """What decides it: the pipeline, and before it, where that one's end does, its upstream, and so
    on; the first one first."""


class Forecaster:
    """What is expected at an instant.

    Args:
        known: what is known of each pipeline.
        awaited: the upstream pipelines that one waits for before it begins. Others it depends on
            without waiting: then it runs on what is there.
    """

    def __init__(
        self,
        known: Mapping[AssetPath, Known],
        awaited: Mapping[AssetPath, Sequence[AssetPath]],
        now: datetime,
    ) -> None:
        self._known = known
        self._awaited = awaited
        self._now = now

    def success(self, pipeline: AssetPath, window: Window) -> Expectation | None:
        """When the first run will have succeeded that is due in a window (its start not in it, its
        end in it). None where that cannot be told: it has no history, or nothing is due."""
        return self._success(pipeline, window, frozenset())

    def through(self, chain: Sequence[AssetPath], window: Window) -> Expectation | None:
        """The same for pipelines of which each works on what the one before it made: of each the
        first success that begins after that one has ended."""
        first, *later = chain
        reached = self.success(first, window)
        for before, link in pairwise([first, *later]):
            if reached is None:
                return None
            reached = self._follow(before, link, reached)
        return reached

    def _follow(
        self, before: AssetPath, link: AssetPath, reached: Expectation
    ) -> Expectation | None:
        known = self._known.get(link)
        if known is None or known.model is None:
            return None
        at = reached.end.expected
        since = [run for run in known.runs if run.started_at and run.started_at >= at]
        done = [run.ended_at for run in since if run.state is RunState.SUCCEEDED and run.ended_at]
        if done:
            return Expectation(Forecast.certain(min(done)), (link,))
        under_way = [run for run in since if not run.state.is_terminal]
        if under_way:
            return Expectation(self._end_of(under_way[-1], known, known.model), (link,))
        tick = next_tick(known.schedules, max(at, self._now))
        if tick is not None and before not in self._awaited.get(link, ()):
            start = Forecast.certain(tick).after(known.lags)
        else:
            start = reached.end.after(_gaps(self._known[before].past, known.past))
            start = Forecast.latest([start, Forecast.certain(self._now)])
        end = start.after(known.model.quantiles(start.expected))
        return Expectation(end, (*reached.because, link))

    def _success(
        self, pipeline: AssetPath, window: Window, below: frozenset[AssetPath]
    ) -> Expectation | None:
        known = self._known.get(pipeline)
        if known is None or pipeline in below:
            return None
        runs = [r for r in known.runs if r.due_at and window.start < r.due_at <= window.end]
        done = [run.ended_at for run in runs if run.state is RunState.SUCCEEDED and run.ended_at]
        if done:
            return Expectation(Forecast.certain(min(done)), (pipeline,))
        if known.model is None:
            return None
        under_way = [run for run in runs if not run.state.is_terminal]
        started = [run for run in under_way if run.started_at]
        if started:
            return Expectation(self._end_of(started[-1], known, known.model), (pipeline,))
        start = self._start(pipeline, known, window, runs, below)
        if start is None:
            return None
        begun = start.end.expected
        return Expectation(
            start.end.after(known.model.quantiles(begun)), (*start.because, pipeline)
        )

    def _end_of(self, run: Run, known: Known, model: DurationModel) -> Forecast:
        assert run.started_at is not None  # noqa: S101  # the caller chose it for that
        elapsed = self._now - run.started_at
        left = model.quantiles(run.started_at, elapsed, known.widths.get(run.key))
        return Forecast.certain(run.started_at).after(left)

    def _start(
        self,
        pipeline: AssetPath,
        known: Known,
        window: Window,
        runs: Iterable[Run],
        below: frozenset[AssetPath],
    ) -> Expectation | None:
        """When the next run begins; what decides it is empty where its own schedule does."""
        begun = [run for run in runs if run.started_at]
        since = max([window.start, *(run.due_at for run in begun if run.due_at)])
        due = next(iter(ticks(known.schedules, Window(since, window.end))), None)
        candidates: list[Expectation] = []
        if due is not None:
            at = Forecast.certain(max(due, self._now)).after(known.lags)
            candidates.append(Expectation(at, ()))
        for upstream in self._awaited.get(pipeline, ()):
            before = self._success(upstream, window, below | {pipeline})
            if before is not None and (due or not _came_after(before.end.expected, begun)):
                gaps = _gaps(self._known[upstream].past, known.past)
                end = before.end.after(gaps)
                late = Forecast.latest([end, Forecast.certain(self._now)])
                candidates.append(Expectation(late, before.because))
        if not candidates:
            return None
        start = Forecast.latest([each.end for each in candidates])
        deciding = max(candidates, key=lambda each: each.end.expected)
        return Expectation(start, deciding.because)


def _came_after(instant: datetime, runs: Iterable[Run]) -> bool:
    """Whether one of them began then: what it was to begin for is used up."""
    return any(run.started_at and run.started_at >= instant for run in runs)


def _gaps(upstream: Sequence[PastRun], downstream: Sequence[PastRun]) -> Floats:
    """From the last end of the one to the start of the other, in seconds: quantiles."""
    ends = np.sort([run.ended_at.timestamp() for run in upstream])
    starts = np.array([run.started_at.timestamp() for run in downstream])
    before = np.searchsorted(ends, starts, side="right")
    gaps = starts[before > 0] - ends[before[before > 0] - 1]
    found = gaps[gaps <= _FAR_APART]
    return quantiles_of(np.sort(found)) if found.size else _AT_ONCE
