"""The gates of a whole company, as its store is at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache

from meta_orch.config.models import GateConfig, InstanceConfig, MetaOrchConfig
from meta_orch.dependencies.gates.decision import Decision, Requirement, decide
from meta_orch.dependencies.gates.windows import (
    Cadence,
    Cadences,
    Occasion,
    occasion_at,
    occasion_of,
)
from meta_orch.dependencies.graph import Lineage
from meta_orch.dependencies.reading import edges_in_effect, known_pipelines
from meta_orch.domain.edges import AssetPath, Edge, path_text
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.ticks import rules
from meta_orch.domain.time import Window
from meta_orch.store import CollectorStatus, Facts, StoreReader

_NO_FACTS = Facts()
_AN_INSTANT = timedelta(microseconds=1)


class GateMap:
    """What gates depend on and a tick does not change: pipelines, edges in effect, rhythms."""

    def __init__(
        self, reader: StoreReader, config: MetaOrchConfig, presumed: GateConfig | None = None
    ) -> None:
        self._gates = config.gates
        self._presumed = presumed
        pipelines = known_pipelines(reader, config)
        self.catalogue = {pipeline.key.path: pipeline for pipeline in pipelines}
        self.pipelines = {path: pipeline.key for path, pipeline in self.catalogue.items()}
        self.rules = {pipeline.key.path: rules(pipeline.schedules) for pipeline in pipelines}
        self.lineage = Lineage(edges_in_effect(reader, config, pipelines))
        self._cadences = Cadences({p.key.path: p for p in pipelines}, self.lineage)
        self._requirements: dict[AssetPath, tuple[Requirement, ...]] = {}

    @staticmethod
    def mark(reader: StoreReader) -> object:
        """Equal as long as a map made before is right."""
        read_at = {name: s.catalogue_read_at for name, s in reader.collectors().items()}
        return read_at, reader.judgements(), reader.lineage.mark()

    def requirements(self, path: AssetPath) -> tuple[Requirement, ...]:
        """What a pipeline asks of its upstreams: one for each edge that gates."""
        if path not in self._requirements:
            found: dict[AssetPath, Requirement] = {}
            for edge in self.lineage.into(path):
                gate = gate_of(edge, self._gates) or self._presumed
                if gate is not None:
                    found.setdefault(
                        edge.upstream, Requirement(edge, gate, self._cadence(edge.upstream, gate))
                    )
            self._requirements[path] = tuple(found.values())
        return self._requirements[path]

    def asked_assets(self, paths: Iterable[AssetPath]) -> Mapping[AssetPath, frozenset[str]]:
        """What these pipelines need to know from Dagster: upstream assets that are no pipelines,
        and those whose checks must have passed; with the checks."""
        found: dict[AssetPath, frozenset[str]] = {}
        for path in paths:
            for requirement in self.requirements(path):
                upstream, checks = requirement.edge.upstream, requirement.gate.checks
                if checks or upstream not in self.pipelines:
                    found[upstream] = found.get(upstream, frozenset()) | frozenset(checks)
        return found

    def _cadence(self, upstream: AssetPath, gate: GateConfig) -> Cadence:
        return self._cadences.of(upstream) if gate.requires == "same_window" else Cadence()


class KnownGates:
    """Keeps the map from tick to tick, as long as it is right; threads may share it."""

    def __init__(self, config: MetaOrchConfig) -> None:
        self._config = config
        self._known: tuple[object, GateMap] | None = None

    @property
    def catalogue(self) -> Mapping[AssetPath, Pipeline]:
        """Every pipeline, as the map was made of last."""
        return self._known[1].catalogue if self._known else {}

    def map(self, reader: StoreReader) -> GateMap:
        """Made anew when a catalogue was read, or events told something new, or somebody judged an
        edge."""
        mark, known = GateMap.mark(reader), self._known
        if known is None or known[0] != mark:
            known = self._known = mark, GateMap(reader, self._config)
        return known[1]

    def keeper(self, reader: StoreReader, now: datetime) -> Gatekeeper:
        return Gatekeeper(reader, self._config, now, known=self.map(reader))


class Gatekeeper:
    """Answers for every pipeline, from one reading of the store.

    Args:
        config: its `gates` say which edges gate; `presumed` gates an edge that none of them names.
        known: what was made for an earlier one, where `GateMap.mark` is still the same.
    """

    def __init__(
        self,
        reader: StoreReader,
        config: MetaOrchConfig,
        now: datetime,
        *,
        presumed: GateConfig | None = None,
        known: GateMap | None = None,
    ) -> None:
        self._reader = reader
        self._now = now
        self._map = known or GateMap(reader, config, presumed)
        self._assets = reader.asset_facts()
        self._overrides = reader.overrides(now)
        self._held = {
            hold.pipeline.path: hold.due_at
            for hold in reader.last_holds().values()
            if hold.state.is_open
        }
        statuses = reader.collectors()
        self._unread = {
            instance.name: read_at
            for instance in config.instances
            if not _is_fresh(instance, statuses.get(instance.name), now)
            for read_at in [_read_at(statuses.get(instance.name))]
        }

    @property
    def gated(self) -> tuple[AssetPath, ...]:
        """The pipelines that wait for something, sorted."""
        return tuple(sorted(p for p in self._map.pipelines if self._map.requirements(p)))

    def decide(self, pipeline: AssetPath, *, due_at: datetime | None = None) -> Decision:
        """Whether a pipeline may run now.

        Args:
            due_at: what its run is due for; the next one, or the one that should have begun, where
                it is None.
        """
        return self.decide_all([pipeline], due_at=due_at)[pipeline]

    def decide_all(
        self, pipelines: Iterable[AssetPath], *, due_at: datetime | None = None
    ) -> Mapping[AssetPath, Decision]:
        """The same of many, in two questions to the store."""
        pipelines = tuple(pipelines)
        own = self._facts(dict.fromkeys(pipelines, self._now))
        occasions = {
            path: self._occasion(path, own.get(path, _NO_FACTS), due_at) for path in pipelines
        }
        asked = {path: self._map.requirements(path) for path in pipelines}
        since: dict[AssetPath, datetime] = {}
        for path, requirements in asked.items():
            for requirement in requirements:
                needed = requirement.cadence.needed(occasions[path].window)
                first = needed[0] if needed else self._now
                upstream = requirement.edge.upstream
                since[upstream] = min(first, since.get(upstream, first))
        facts = self._facts(since)
        return {
            path: decide(
                path,
                occasions[path],
                asked[path],
                facts,
                self._now,
                own=own.get(path, _NO_FACTS),
                assets=self._assets,
                unread=self._unread,
                known=self._map.pipelines,
                override=self._overrides.get(path),
            )
            for path in pipelines
        }

    def _occasion(self, path: AssetPath, own: Facts, due_at: datetime | None) -> Occasion:
        schedules = self._map.rules.get(path, ())
        if due_at is not None:
            occasion = occasion_at(schedules, due_at)
            if occasion.window.is_empty and own.last_started and own.last_started < due_at:
                return Occasion(due_at, Window(own.last_started, due_at))
            return occasion
        last_due = own.last_due
        if last_due is None and path in self._held:
            last_due = self._held[path] - _AN_INSTANT  # its first run is held, not unknown
        return occasion_of(schedules, self._now, last_due=last_due, last_started=own.last_started)

    def _facts(self, since: Mapping[AssetPath, datetime]) -> Mapping[AssetPath, Facts]:
        keys = {path: self._map.pipelines[path] for path in since if path in self._map.pipelines}
        found = self._reader.gate_facts({key: since[path] for path, key in keys.items()})
        return {path: found[key] for path, key in keys.items() if key in found}


def gate_of(edge: Edge, gates: Iterable[GateConfig]) -> GateConfig | None:
    """The first gate that names an edge; None where none does."""
    upstream, downstream = path_text(edge.upstream), path_text(edge.downstream)
    for gate in gates:
        if _matches(downstream, gate.downstream) and _matches(upstream, gate.upstream):
            return gate
    return None


@lru_cache(maxsize=100_000)
def _matches(text: str, glob: str) -> bool:
    return fnmatchcase(text, glob)


def _is_fresh(instance: InstanceConfig, status: CollectorStatus | None, now: datetime) -> bool:
    """Whether it was read lately, as `collector_is_fresh` has it."""
    read_at = _read_at(status)
    return read_at is not None and now - read_at <= instance.tolerance


def _read_at(status: CollectorStatus | None) -> datetime | None:
    return status.succeeded_at if status else None
