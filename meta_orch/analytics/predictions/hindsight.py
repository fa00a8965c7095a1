"""What would have been said of deadlines that have passed: the outlooks of then, worked out anew
from no more than was known then. Schedules and edges are taken to have been as they are now."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from meta_orch.analytics.predictions.durations import MOST, DurationModel, Factor, model_of
from meta_orch.analytics.predictions.forecaster import Forecaster, Known
from meta_orch.analytics.predictions.histories import past_of, past_run, timezone_of
from meta_orch.analytics.predictions.outlooks import (
    AHEAD,
    RUNS_OF,
    awaited_by,
    outlook_of,
    window_of,
)
from meta_orch.analytics.predictions.replay import REFIT_EVERY, Alarm, Warnings
from meta_orch.analytics.slas.attainment import Outcome, Verdict
from meta_orch.analytics.slas.promises import Promise
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import ticks
from meta_orch.store import Store, StoreReader
from meta_orch.store.tracing import PastRun

_LOOKS = 9
"""At each deadline: a day before, half a day, and so on to six minutes."""
_DEADLINES = 60
"""The last ones of each promise."""
_AT_ONCE = 100
"""Promises."""
_RUNS = 2000
"""Successes of each pipeline that the promises rest on."""


def replay_deadlines(
    store: Store, graph: GateMap, promises: Sequence[Promise], *, risk_from: float
) -> Mapping[PipelineKey, Warnings]:
    """What came of the warnings before the deadlines of these promises that are decided, by
    pipeline. Those without deadlines, which runs keep by themselves, are left out.

    Args:
        risk_from: from which probability of a miss on a promise is said to be at risk.
    """
    alarms: defaultdict[PipelineKey, list[tuple[Alarm, ...]]] = defaultdict(list)
    for start in range(0, len(promises), _AT_ONCE):
        part = promises[start : start + _AT_ONCE]
        asked = [(each, _rests_on(each, graph)) for each in part if _decided(each)]
        if not asked:
            continue
        awaited = {path: to for _, rests_on in asked for path, to in rests_on.items()}
        first = min(_decided(promise)[0].at for promise, _ in asked)
        with store.read() as reader:  # and no longer: collectors want to write
            pasts = _read_pasts(reader, graph, awaited, since=first - AHEAD - RUNS_OF)
        for promise, rests_on in asked:
            of_it = {path: pasts[path] for path in rests_on if path in pasts}
            for outcome in _decided(promise):
                found = _alarms(promise, outcome, of_it, awaited, risk_from)
                if found:
                    alarms[promise.pipeline].append(found)
    return {key: Warnings.of(*zip(*found, strict=True)) for key, found in alarms.items()}


def seen_at(run: Run, at: datetime) -> Run | None:
    """A run as it was at an instant, as far as its times tell; None where there was none yet."""
    if run.ended_at and run.ended_at <= at:
        return run
    if run.started_at and run.started_at <= at:
        return replace(run, state=RunState.RUNNING, ended_at=None)
    if run.queued_at and run.queued_at <= at:
        return replace(run, state=RunState.QUEUED, started_at=None, ended_at=None)
    return None


@dataclass(frozen=True)
class PipelinePast:
    """Of one pipeline all that came to be known, told as of any instant."""

    pipeline: Pipeline
    successes: Sequence[PastRun]
    """By end."""
    runs: Sequence[Run]
    _models: dict[int, DurationModel | None] = field(default_factory=dict)

    def as_of(self, at: datetime) -> Known:
        count = bisect_right(self.successes, at, key=lambda run: run.ended_at)
        past = sorted(self.successes[max(0, count - MOST) : count], key=lambda run: run.started_at)
        model = self._model(count)
        seen = [run for run in (seen_at(run, at) for run in self.runs) if run]
        runs = [run for run in seen if not run.ended_at or run.ended_at > at - RUNS_OF]
        widths = self._widths(runs, at) if model and model.factor is Factor.WIDTH else {}
        runs.sort(key=lambda run: (run.started_at or at, run.key.run_id))
        return Known(self.pipeline.schedules, model, past, runs, widths)

    def _widths(self, runs: Iterable[Run], at: datetime) -> Mapping[RunKey, int]:
        """Of the runs whose mapped tasks had been told apart."""
        told = {
            run.started_at: run.width
            for run in self.successes
            if run.width is not None and run.width_since and run.width_since <= at
        }
        return {r.key: told[r.started_at] for r in runs if r.started_at and r.started_at in told}

    def _model(self, count: int) -> DurationModel | None:
        """From the first so many successes, or some fewer."""
        known = count // REFIT_EVERY * REFIT_EVERY
        if known not in self._models:
            past = map(past_run, self.successes[max(0, known - MOST) : known])
            self._models[known] = model_of([*past], timezone_of(self.pipeline))
        return self._models[known]


def _decided(promise: Promise) -> Sequence[Outcome]:
    if not (promise.sla.finish_by or promise.sla.fresh_within):
        return ()
    outcomes = [o for o in promise.attainment.outcomes if o.verdict is not Verdict.OPEN]
    return outcomes[-_DEADLINES:]


def _rests_on(promise: Promise, graph: GateMap) -> Mapping[AssetPath, Sequence[AssetPath]]:
    """Its pipelines and all that these wait for, each with what it waits for itself."""
    return awaited_by({key.path for key in (promise.pipeline, *promise.sla.links)}, graph)


def _read_pasts(
    reader: StoreReader, graph: GateMap, paths: Iterable[AssetPath], since: datetime
) -> Mapping[AssetPath, PipelinePast]:
    pipelines = [graph.catalogue[path] for path in paths if path in graph.catalogue]
    keys = [pipeline.key for pipeline in pipelines]
    successes = past_of(reader, keys, _RUNS)
    runs: defaultdict[PipelineKey, list[Run]] = defaultdict(list)
    for run in reader.traces.runs_since(keys, since):
        runs[run.key.pipeline].append(run)
    return {
        pipeline.key.path: PipelinePast(
            pipeline,
            sorted(successes.get(pipeline.key, []), key=lambda run: run.ended_at),
            runs[pipeline.key],
        )
        for pipeline in pipelines
    }


def _alarms(
    promise: Promise,
    outcome: Outcome,
    pasts: Mapping[AssetPath, PipelinePast],
    awaited: Mapping[AssetPath, Sequence[AssetPath]],
    risk_from: float,
) -> tuple[Alarm, ...]:
    """By the outlook, by the median and by the 95th hundredth; none where nothing could be told."""
    said: list[timedelta | None] = [None, None, None]
    was_known = False
    for look in range(_LOOKS):
        lead = AHEAD / 2**look
        at = outcome.at - lead
        run = outcome.run
        if not outcome.verdict.is_miss and run and run.ended_at and run.ended_at <= at:
            break
        known = {path: past.as_of(at) for path, past in pasts.items()}
        own = known.get(promise.pipeline.path)
        if own is None or own.model is None:
            continue
        was_known = True
        outlook = outlook_of(promise, outcome, Forecaster(known, awaited, at), known, at)
        warns = (
            outlook is not None and outlook.risk >= risk_from,
            *_naive(promise, outcome, own, at),
        )
        said = [
            lead if before is None and warns_now else before
            for before, warns_now in zip(said, warns, strict=True)
        ]
    return tuple((outcome.verdict.is_miss, each) for each in said) if was_known else ()


def _naive(promise: Promise, outcome: Outcome, own: Known, at: datetime) -> Iterator[bool]:
    """Whether the pipeline would miss its deadline if it took as long as the median, and the 95th
    hundredth, of its runs before, from when it began or is due."""
    window = window_of(promise, outcome)
    begun = [
        run.started_at
        for run in own.runs
        if run.started_at and not run.state.is_terminal
        if run.due_at and window.start < run.due_at <= window.end
    ]
    due = next(iter(ticks(own.schedules, window)), at)
    start = begun[-1] if begun else max(due, at)
    durations = [(run.ended_at - run.started_at).total_seconds() for run in own.past]
    for seconds in np.quantile(durations, [0.5, 0.95]):
        yield max(start + timedelta(seconds=float(seconds)), at) > outcome.at
