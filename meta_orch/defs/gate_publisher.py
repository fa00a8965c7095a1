"""Keeping `upstreams_are_ready` as the gates are, from tick to tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from dagster import AssetCheckKey, AssetKey, DagsterInstance

from meta_orch.defs.asset_watch import read_facts
from meta_orch.defs.evaluations import UPSTREAMS_ARE_READY, as_evaluation
from meta_orch.defs.gates import evaluate_gate
from meta_orch.defs.mirror import latest_verdicts
from meta_orch.dependencies.gates import Decision, KnownGates
from meta_orch.domain.edges import AssetPath
from meta_orch.store import Store


class _Said(NamedTuple):
    passed: bool
    faults: tuple[tuple[AssetPath, str], ...]
    """Upstreams that are not as required, where it did not pass, and what they are."""


@dataclass
class GatePublisher:
    """Keeps the checks of one instance's gated pipelines as their gates are.

    Args:
        clock: gives the time as aware UTC.
    """

    instance: str
    known: KnownGates
    store: Store
    clock: Callable[[], datetime]
    _published: dict[AssetPath, _Said] = field(default_factory=dict)
    """What was said last, as far as this process knows."""

    def decide(
        self, dagster: DagsterInstance, shown: Iterable[AssetPath]
    ) -> Mapping[AssetPath, Decision]:
        """What the gates say now, of the instance's gated pipelines. What Dagster knows of assets
        that they depend on is put into the store first, for everybody who asks.

        Args:
            shown: the pipelines whose check the location has loaded.
        """
        with self.store.read() as reader:
            asked, known = self.known.map(reader).asked_assets(shown), reader.asset_facts()
        if asked:
            facts = read_facts(dagster, asked)
            if changed := {path: f for path, f in facts.items() if known.get(path) != f}:
                with self.store.write() as writer:
                    writer.save_asset_facts(changed, self.clock())
        loaded = frozenset(shown)
        with self.store.read() as reader:
            keeper = self.known.keeper(reader, self.clock())
            mine = [p for p in keeper.gated if p[0] == self.instance and p in loaded]
            return keeper.decide_all(mine)

    def publish(
        self,
        dagster: DagsterInstance,
        decisions: Mapping[AssetPath, Decision],
        deadline: datetime,
    ) -> int:
        """Evaluate the checks whose verdict has changed, or whose fault is another's. Returns how
        many those were. Dagster takes some dozens in a second: what is not evaluated by the
        deadline is by the next tick."""
        self._recall(dagster, decisions)
        changed = 0
        for path, decision in decisions.items():
            result = evaluate_gate(decision)
            said = _Said(result.passed, () if result.passed else _faults(decision))
            if self._published.get(path) != said and self.clock() < deadline:
                dagster.report_runless_asset_event(as_evaluation(result))
                self._published[path] = said
                changed += 1
        return changed

    def _recall(self, dagster: DagsterInstance, wanted: Mapping[AssetPath, object]) -> None:
        """What Dagster shows of checks that this process has said nothing of yet."""
        checks = {
            AssetCheckKey(AssetKey([*path]), UPSTREAMS_ARE_READY): path
            for path in wanted
            if path not in self._published
        }
        if checks:
            for check, passed in latest_verdicts(dagster, list(checks)).items():
                # Whose fault it was is not recalled: it is said once more.
                self._published[checks[check]] = _Said(passed, ())


def _faults(decision: Decision) -> tuple[tuple[AssetPath, str], ...]:
    return tuple((finding.upstream, finding.readiness.value) for finding in decision.culprits)
