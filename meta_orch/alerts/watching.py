"""What is wrong now, by what the store has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from meta_orch.alerts.grading import Context, Graded, grade
from meta_orch.alerts.rules.operations import (
    of_collectors,
    of_holds,
    of_problems,
    of_receivers,
)
from meta_orch.alerts.rules.promises import of_outlooks, of_promises
from meta_orch.alerts.rules.resources import of_conflicts, of_use
from meta_orch.alerts.rules.runs import Watched, of_runs
from meta_orch.analytics.predictions.histories import Histories
from meta_orch.analytics.predictions.outlooks import Seer
from meta_orch.analytics.slas.habits import habit
from meta_orch.analytics.slas.promises import PromiseKeeper
from meta_orch.config import MetaOrchConfig
from meta_orch.dependencies.gates import GateMap, KnownGates
from meta_orch.dependencies.graph import Lineage
from meta_orch.domain.alerts import Alert, Condition
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.store import StoreReader
from meta_orch.store.alert_facts import PipelineFacts
from meta_orch.store.tracing import Known

_READ_ALL_EVERY = timedelta(hours=1)
_OVERLAP = timedelta(minutes=1)
"""For what was being written when the store was last looked at."""
_ENDANGERED = frozenset({Condition.SLA_BREACHED, Condition.AT_RISK})
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen at a look."""

    alerts: tuple[Graded, ...]
    lineage: Lineage
    catalogue: Mapping[str, Pipeline]
    """By `INSTANCE/NAME`."""


@dataclass
class Watch:
    """Remembers from look to look what it read."""

    config: MetaOrchConfig
    known_gates: KnownGates
    _facts: dict[PipelineKey, PipelineFacts] = field(default_factory=dict)
    _known: Mapping[PipelineKey, Known] = field(default_factory=dict)
    _looked_at: datetime | None = None
    _read_all_at: datetime | None = None

    def __post_init__(self) -> None:
        self._keeper = PromiseKeeper(self.config.slas)
        self._seer = Seer(Histories())

    def look(self, reader: StoreReader, now: datetime) -> Sight:
        graph = self.known_gates.map(reader)
        self._read_facts(reader, now)
        found = [
            *self._of_runs(reader, graph, now),
            *self._of_slas(reader, graph, now),
            *of_holds(reader.last_holds(), now, self.config.alerts.gate_closed_after),
            *of_collectors(self.config.instances, reader.collectors(), now),
            *of_problems(self.config.instances, reader.alerting.problems(), now),
            *of_use(
                self.config.resources,
                self._facts.values(),
                now,
                self.config.alerts.saturated_for,
            ),
            *of_conflicts(reader.measurements.coming_conflicts(now)),
            *of_receivers(reader.alerting.deliveries_due()),
        ]
        return self._graded(found, graph)

    def _read_facts(self, reader: StoreReader, now: datetime) -> None:
        only: list[str] | None = None
        if self._looked_at and self._read_all_at and now - self._read_all_at < _READ_ALL_EVERY:
            only = [str(key) for key in reader.traces.told_since(self._looked_at - _OVERLAP)]
        if only is None:
            self._facts, self._known, self._read_all_at = {}, reader.traces.known(), now
        if only is None or only:
            self._facts |= {each.pipeline: each for each in reader.alerting.facts(now, only)}
        self._looked_at = now

    def _of_runs(self, reader: StoreReader, graph: GateMap, now: datetime) -> Iterator[Alert]:
        statuses = reader.collectors()
        read_at = {name: status.succeeded_at for name, status in statuses.items()}
        held = {key for key, hold in reader.last_holds().items() if hold.state.is_open}
        pipelines = [*graph.catalogue.values()]
        histories = self._seer.histories.of(reader, pipelines, now)
        for pipeline in pipelines:
            key = pipeline.key
            seen_at = read_at.get(key.instance)
            if seen_at is None:
                continue
            known = self._known.get(key)
            watched = Watched(
                pipeline,
                self._facts.get(key) or PipelineFacts(key),
                habit(histories[key].runs) if key in histories else None,
                known.since if known else now,
                is_held=key in held,
                judges_past=self.config.analytics.watches(key),
            )
            failing_from = self.config.alerts.failing_from
            # Nothing is later than what was read: a collector that stands still makes nobody late.
            yield from of_runs(watched, min(now, seen_at), failing_from=failing_from)

    def _of_slas(self, reader: StoreReader, graph: GateMap, now: datetime) -> Iterator[Alert]:
        if not self.config.slas:
            return
        kept = self._keeper.look(reader, now)
        promises = [promise for of_pipeline in kept.values() for promise in of_pipeline]
        yield from of_promises(promises)
        outlooks = self._seer.outlooks(reader, graph, promises, now)
        yield from of_outlooks(outlooks, self.config.analytics.risk_from, now)

    def _graded(self, found: Iterable[Alert], graph: GateMap) -> Sight:
        alerts = list(found)
        endangered = {
            alert.pipeline.path
            for alert in alerts
            if alert.condition in _ENDANGERED and alert.pipeline
        }
        types = {instance.name: str(instance.type) for instance in self.config.instances}
        contexts: dict[PipelineKey, Context] = {}
        graded = []
        for alert in alerts:
            key = alert.pipeline
            if key is not None and key not in contexts:
                below = graph.lineage.downstream(key.path)
                contexts[key] = Context(
                    sum(path in graph.catalogue for path in below),
                    any(path in endangered for path in (key.path, *below)),
                )
            one = grade(
                alert,
                self.config.alerts,
                contexts[key] if key else Context(),
                pipeline=graph.catalogue.get(key.path) if key else None,
                orchestrator=types.get(alert.instance or ""),
            )
            if one is not None:
                graded.append(one)
        return Sight(
            tuple(graded), graph.lineage, {str(p.key): p for p in graph.catalogue.values()}
        )
