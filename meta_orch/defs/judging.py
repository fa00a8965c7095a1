"""The checks that follow from history and time, and not from a single run: of SLAs and habits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from dagster import AssetCheckKey, AssetCheckResult

from meta_orch.analytics.predictions.outlooks import Outlook, Seer
from meta_orch.analytics.slas.habits import habit
from meta_orch.analytics.slas.promises import PromiseKeeper
from meta_orch.config import MetaOrchConfig
from meta_orch.defs.habits import evaluate_duration, evaluate_start
from meta_orch.defs.outlooks import evaluate_outlooks
from meta_orch.defs.slas import evaluate_promises
from meta_orch.dependencies.gates import KnownGates
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.store import Facts, StoreReader

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_FACTS_OF = timedelta(days=2)
_NO_FACTS = Facts()


class Judge:
    """Remembers from look to look what it read.

    Args:
        shown: the pipelines that the location has loaded.
        known_gates: what the graph is known from.
    """

    def __init__(
        self, config: MetaOrchConfig, shown: Collection[PipelineKey], known_gates: KnownGates
    ) -> None:
        self._config = config
        self._shown = frozenset(shown)
        self._watched = sorted(key for key in self._shown if config.analytics.watches(key))
        self._known_gates = known_gates
        self._keeper = PromiseKeeper(config.slas)
        self._seer = Seer()

    @property
    def has_work(self) -> bool:
        return bool(self._config.slas or self._watched)

    def results(
        self, reader: StoreReader, now: datetime
    ) -> Mapping[AssetCheckKey, AssetCheckResult]:
        """Of `meets_sla`, `not_at_risk`, `duration_is_normal` and `starts_on_schedule`."""
        found = [*self._of_slas(reader, now), *self._of_habits(reader, now)]
        return {
            AssetCheckKey(result.asset_key, result.check_name): result
            for result in found
            if result.asset_key is not None and result.check_name is not None
        }

    def _of_slas(self, reader: StoreReader, now: datetime) -> Iterator[AssetCheckResult]:
        if not self._config.slas:
            return
        promises = self._keeper.look(reader, now)
        outlooks: defaultdict[PipelineKey, list[Outlook]] = defaultdict(list)
        graph = self._known_gates.map(reader)
        every = [promise for of_pipeline in promises.values() for promise in of_pipeline]
        for outlook in self._seer.outlooks(reader, graph, every, now):
            outlooks[outlook.pipeline].append(outlook)
        for key in promises.keys() & self._shown:
            yield evaluate_promises(key, promises[key])
            yield evaluate_outlooks(key, outlooks[key], self._config.analytics.risk_from)

    def _of_habits(self, reader: StoreReader, now: datetime) -> Iterator[AssetCheckResult]:
        if not self._watched:
            return
        catalogue = self._known_gates.map(reader).catalogue
        pipelines = [catalogue[key.path] for key in self._watched if key.path in catalogue]
        histories = self._seer.histories.of(reader, pipelines, now)
        facts = reader.gate_facts({p.key: now - _FACTS_OF for p in pipelines})
        for pipeline in pipelines:
            usual = habit(histories[pipeline.key].runs)
            own = facts.get(pipeline.key, _NO_FACTS)
            runs = histories[pipeline.key].runs
            since = runs[0].started_at if runs else _BEGINNING
            yield evaluate_duration(pipeline.key, usual, own, now)
            yield evaluate_start(pipeline, usual, own, since, now)
