"""What would have been sent: the past replayed through rules, incidents and routes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from meta_orch.alerts.dispatching import Dispatcher, Notification
from meta_orch.alerts.grading import Context, Graded, grade
from meta_orch.alerts.incidents import advance
from meta_orch.alerts.muting import Muting
from meta_orch.alerts.routing import build_routes
from meta_orch.alerts.rules.runs import Watched, of_runs
from meta_orch.analytics.predictions.histories import past_of
from meta_orch.analytics.slas.habits import Habit, habit
from meta_orch.config import MetaOrchConfig
from meta_orch.config.selecting import Selection
from meta_orch.dependencies.gates import GateMap, KnownGates
from meta_orch.domain.alerts import Condition
from meta_orch.domain.incidents import Incident, Memory
from meta_orch.domain.notifications import Group
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.time import Window
from meta_orch.store import StoreReader
from meta_orch.store.alert_facts import PipelineFacts
from meta_orch.store.tracing import Known, PastRun

REPLAYABLE: Final = (
    Condition.FAILED,
    Condition.FAILING_REPEATEDLY,
    Condition.MISSING,
    Condition.LATE,
    Condition.STUCK,
    Condition.DURATION_ABNORMAL,
)
"""What runs alone tell, whose history is kept."""
_RUNS: Final = 2_000
"""Of each pipeline, to know what was usual."""
_USUAL_OF: Final = 60
"""Runs before a moment, by which it is known then what is usual."""
_SHORT: Final = timedelta(minutes=15)
"""What is over so soon after somebody was told, and by itself, was noise: a heuristic."""
_SOON: Final = timedelta(hours=24)
"""Within which a failure counts as what an alert had warned of."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An incident of the replay."""

    incident: Incident
    messages: int
    first_told_at: datetime | None
    """None where nobody would have been told."""
    warned_by: timedelta | None
    """How long before the pipeline, or one that depends on it, failed somebody would have been
    told; None where none did within a day."""

    @property
    def is_noise(self) -> bool:
        """It was over by itself shortly after, and no failure followed."""
        told_at, ended_at = self.first_told_at, self.incident.resolved_at
        if told_at is None or ended_at is None or self.warned_by is not None:
            return False
        return ended_at - told_at <= _SHORT


@dataclass(frozen=True, slots=True)
class Replayed:
    """What is replayed, and how."""

    window: Window
    every: timedelta
    """How often it is looked."""
    progress: Callable[[datetime], None] = lambda _: None
    """Told of each moment that is done."""


@dataclass(frozen=True, slots=True)
class Backtest:
    window: Window
    incidents: tuple[Judged, ...]
    notifications: tuple[tuple[datetime, Notification], ...]


@dataclass
class _Replay:
    """The past of the pipelines, moment by moment."""

    config: MetaOrchConfig
    graph: GateMap
    known: Mapping[PipelineKey, Known]
    pipelines: Sequence[Pipeline]
    past: Mapping[PipelineKey, list[PastRun]]
    conditions: Collection[Condition]
    selection: Selection
    types: Mapping[str, str] = field(default_factory=dict)
    _habits: dict[tuple[PipelineKey, int], Habit | None] = field(default_factory=dict)

    def alerts(self, facts: Iterable[PipelineFacts], now: datetime) -> Iterator[Graded]:
        of_pipeline = {each.pipeline: each for each in facts}
        for pipeline in self.pipelines:
            known = self.known.get(pipeline.key)
            watched = Watched(
                pipeline,
                of_pipeline.get(pipeline.key) or PipelineFacts(pipeline.key),
                self._habit(pipeline.key, now),
                known.since if known else now,
                judges_past=self.config.analytics.watches(pipeline.key),
            )
            for alert in of_runs(watched, now, failing_from=self.config.alerts.failing_from):
                if alert.condition not in self.conditions:
                    continue
                below = self.graph.lineage.downstream(pipeline.key.path)
                graded = grade(
                    alert,
                    self.config.alerts,
                    Context(sum(path in self.graph.catalogue for path in below)),
                    pipeline=pipeline,
                    orchestrator=self.types.get(pipeline.key.instance),
                )
                if graded is not None and self.selection.selects(graded.alert.labels):
                    yield graded

    def _habit(self, key: PipelineKey, now: datetime) -> Habit | None:
        """By the runs that were over then."""
        runs = self.past.get(key, [])
        until = bisect_right(runs, now, key=lambda run: run.ended_at)
        place = (key, until)
        if place not in self._habits:
            self._habits[place] = habit(runs[max(0, until - _USUAL_OF) : until])
        return self._habits[place]


def backtest(
    reader: StoreReader,
    config: MetaOrchConfig,
    conditions: Collection[Condition],
    selection: Selection,
    time: Replayed,
) -> Backtest:
    """Replay a time, look by look.

    Pipelines, edges and routes are those of now. No SLA raises a severity, nobody acknowledges or
    silences, and maintenance is as configured.

    Args:
        conditions: of `REPLAYABLE`.
        selection: which of them count.
    """
    graph = KnownGates(config).map(reader)
    pipelines = [*graph.catalogue.values()]
    replay = _Replay(
        config,
        graph,
        reader.traces.known(),
        pipelines,
        {key: sorted(runs, key=lambda run: run.ended_at) for key, runs in _past(reader, pipelines)},
        conditions,
        selection,
        {instance.name: str(instance.type) for instance in config.instances},
    )
    memory, groups = Memory(), dict[str, Group]()
    ever: dict[int, Incident] = {}
    sent: list[tuple[datetime, Notification]] = []
    tree, window = build_routes(config.alerts.route), time.window
    now = window.start
    while now <= window.end:
        facts = reader.alerting.facts(now)
        change = advance(memory, replay.alerts(facts, now), graph.lineage, now, config.alerts)
        memory = _remembered(change.memory, now)
        ever |= {incident.id: incident for incident in change.incidents}
        incidents = [*memory.incidents.values()]
        muting = Muting(config.alerts, (), incidents, now)
        found = Dispatcher(config.alerts, tree, muting, now).dispatch(incidents, groups)
        groups = dict(found.groups)
        sent += [(now, notification) for notification in found.notifications]
        time.progress(now)
        now += time.every
    failures = reader.alerting.failures_between(window.start, window.end + _SOON)
    return Backtest(window, tuple(_judged(ever.values(), sent, failures, graph)), tuple(sent))


def _remembered(memory: Memory, now: datetime) -> Memory:
    """Without what has been over for long, as the store gives it."""
    incidents = {
        number: incident
        for number, incident in memory.incidents.items()
        if incident.resolved_at is None or now - incident.resolved_at <= _SOON
    }
    return replace(memory, incidents=incidents)


def _past(
    reader: StoreReader, pipelines: Iterable[Pipeline]
) -> Iterable[tuple[PipelineKey, list[PastRun]]]:
    return past_of(reader, [pipeline.key for pipeline in pipelines], _RUNS).items()


def _judged(
    incidents: Iterable[Incident],
    sent: Iterable[tuple[datetime, Notification]],
    failures: Mapping[PipelineKey, Sequence[datetime]],
    graph: GateMap,
) -> Iterator[Judged]:
    told: dict[int, list[datetime]] = {}
    for at, notification in sent:
        for incident in notification.incidents:
            told.setdefault(incident.id, []).append(at)
    for incident in incidents:
        times = told.get(incident.id, [])
        first = min(times, default=None)
        yield Judged(incident, len(times), first, _warned_by(incident, first, failures, graph))


def _warned_by(
    incident: Incident,
    told_at: datetime | None,
    failures: Mapping[PipelineKey, Sequence[datetime]],
    graph: GateMap,
) -> timedelta | None:
    key = incident.cause.pipeline
    if key is None or told_at is None:
        return None
    paths = {key.path, *graph.lineage.downstream(key.path)}
    keys = [graph.catalogue[path].key for path in paths if path in graph.catalogue]
    later = [at for each in keys for at in failures.get(each, ()) if told_at < at]
    soonest = min(later, default=None)
    if soonest is None or soonest - told_at > _SOON:
        return None
    return soonest - told_at
