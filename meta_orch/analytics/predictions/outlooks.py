"""What is at risk: promises that are open, with when they will likely be kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from meta_orch.analytics.predictions.durations import Factor
from meta_orch.analytics.predictions.forecast import HIGH, LOW, Forecast
from meta_orch.analytics.predictions.forecaster import Forecaster, Known
from meta_orch.analytics.predictions.histories import Histories
from meta_orch.analytics.slas.attainment import Outcome, Verdict
from meta_orch.analytics.slas.promises import Promise
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.edges import AssetPath, EdgeKind
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run
from meta_orch.domain.ticks import cron, has_ticks, tick_before
from meta_orch.domain.time import Window
from meta_orch.store import StoreReader

RUNS_OF = timedelta(days=2)
"""Runs that ended so long ago may be those that a deadline of today is for."""
AHEAD = timedelta(days=1)
"""Deadlines that are further ahead are not looked at yet."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of a promise that is open."""

    promise: Promise
    deadline: datetime
    risk: float
    """The probability that it will be missed, from 0 to 1."""
    expected: datetime | None
    """When it will have succeeded, the median; None where its run failed and no other is due."""
    low: datetime | None
    """With `high`: the range that it ends in four times of five."""
    high: datetime | None
    because: tuple[AssetPath, ...]
    """The pipelines that decide when it ends, the first one first."""

    @property
    def pipeline(self) -> PipelineKey:
        return self.promise.pipeline


@dataclass
class Seer:
    """Tells what is at risk."""

    histories: Histories = field(default_factory=Histories)

    def outlooks(
        self,
        reader: StoreReader,
        graph: GateMap,
        promises: Iterable[Promise],
        now: datetime,
    ) -> tuple[Outlook, ...]:
        """Of each promise that is open for a day or less; the most likely to be missed first."""
        asked = [(promise, outcome) for promise in promises for outcome in _open(promise, now)]
        if not asked:
            return ()
        named = {key.path for promise, _ in asked for key in (promise.pipeline, *promise.sla.links)}
        awaited = awaited_by(named, graph)
        wanted = [graph.catalogue[path] for path in sorted(awaited) if path in graph.catalogue]
        histories = self.histories.of(reader, wanted, now)
        runs: defaultdict[PipelineKey, list[Run]] = defaultdict(list)
        for run in reader.traces.runs_since([p.key for p in wanted], now - RUNS_OF):
            runs[run.key.pipeline].append(run)
        by_width = [
            p.key
            for p in wanted
            if (model := histories[p.key].model) and model.factor is Factor.WIDTH
        ]
        widths = reader.traces.widths_so_far(by_width)
        known = {
            p.key.path: Known(
                () if p.is_paused else p.schedules,
                histories[p.key].model,
                histories[p.key].runs,
                sorted(runs[p.key], key=lambda run: (run.started_at or now, run.key.run_id)),
                widths,
            )
            for p in wanted
        }
        forecaster = Forecaster(known, awaited, now)
        found = [
            outlook
            for promise, outcome in asked
            if (outlook := outlook_of(promise, outcome, forecaster, known, now))
        ]
        return tuple(sorted(found, key=lambda o: (-o.risk, o.deadline, o.pipeline)))


def _open(promise: Promise, now: datetime) -> Iterator[Outcome]:
    """What is not decided, and will be within a day."""
    for outcome in promise.attainment.outcomes:
        has_end = not (promise.sla.succeeds or promise.sla.start_within)
        if outcome.verdict is Verdict.OPEN and has_end and now < outcome.at <= now + AHEAD:
            yield outcome


def awaited_by(
    paths: Iterable[AssetPath], graph: GateMap
) -> Mapping[AssetPath, Sequence[AssetPath]]:
    """What these pipelines wait for, and what that waits for, and so on."""
    found: dict[AssetPath, Sequence[AssetPath]] = {}
    ahead = [*paths]
    while ahead:
        path = ahead.pop()
        if path not in found:
            found[path] = _waits_for(path, graph)
            ahead += found[path]
    return found


def _waits_for(path: AssetPath, graph: GateMap) -> Sequence[AssetPath]:
    """What starts it, what a task of it waits for, what a gate names; and where it has no schedule
    of its own, whatever it depends on."""
    gated = {requirement.edge.upstream for requirement in graph.requirements(path)}
    has_schedule = has_ticks(graph.rules.get(path, ()))
    return sorted(
        {
            edge.upstream
            for edge in graph.lineage.into(path)
            if edge.upstream in graph.catalogue
            and (edge.kind is EdgeKind.TRIGGER or edge.upstream in gated or not has_schedule)
        }
    )


def outlook_of(
    promise: Promise,
    outcome: Outcome,
    forecaster: Forecaster,
    known: Mapping[AssetPath, Known],
    now: datetime,
) -> Outlook | None:
    """Of a promise that is open at `outcome.at`; None where nothing can be told.

    Args:
        known: what `forecaster` goes by.
    """
    sla, path = promise.sla, promise.pipeline.path
    if sla.finish_by or sla.fresh_within:
        window = window_of(promise, outcome)
        links = tuple(key.path for key in sla.links) or (path,)
        expected = forecaster.through(links, window)
        if expected is not None:
            return _of(promise, outcome.at, expected.end, expected.because)
        begun = known[links[0]].runs if links[0] in known else ()
        of_window = [run for run in begun if run.due_at and window.start < run.due_at]
        if of_window and all(run.state.is_terminal for run in of_window):
            return Outlook(promise, outcome.at, 1.0, None, None, None, (path,))
        return None
    run = outcome.run
    model = known[path].model if path in known else None
    if run is None or run.started_at is None or model is None or sla.chain:
        return None
    end = Forecast.certain(run.started_at).after(
        model.quantiles(run.started_at, now - run.started_at, known[path].widths.get(run.key))
    )
    return _of(promise, outcome.at, end, (path,))


def _of(
    promise: Promise, deadline: datetime, end: Forecast, because: tuple[AssetPath, ...]
) -> Outlook:
    return Outlook(
        promise,
        deadline,
        end.risk(deadline),
        end.expected,
        end.at(LOW),
        end.at(HIGH),
        because,
    )


def window_of(promise: Promise, outcome: Outcome) -> Window:
    """What the run that keeps it may be due for."""
    sla = promise.sla
    if sla.finish_by:
        before = tick_before([cron(sla.finish_by, sla.timezone)], outcome.at)
        return Window(before or outcome.at - AHEAD, outcome.at)
    return Window(outcome.at - (sla.fresh_within or AHEAD), outcome.at.astimezone(UTC))
