"""Which alert follows from which: the cause of each, by the lineage graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from meta_orch.alerts.grading import STOPS_OTHERS
from meta_orch.dependencies.graph import Lineage
from meta_orch.domain.alerts import Alert, Condition
from meta_orch.domain.edges import AssetPath

_GRAVEST_FIRST = tuple(Condition)
"""Of several alerts of one pipeline, the first is what the others follow from."""
_BY_ITSELF = frozenset({Condition.FAILED, Condition.FAILING_REPEATEDLY})
"""What may come about though something upstream went wrong: only what was wrong before it can be
its cause."""
_OF_INSTANCE = frozenset({Condition.ORCHESTRATOR_DOWN, Condition.COLLECTOR_STALE})
_WHEN_DOWN = frozenset(
    {
        *STOPS_OTHERS,
        Condition.GATE_CLOSED,
        Condition.HOLD_EXPIRED,
        Condition.DURATION_ABNORMAL,
        Condition.AT_RISK,
        Condition.SLA_BREACHED,
    }
)
"""What an orchestrator that is down brings about in its pipelines."""


def find_causes(alerts: Iterable[Alert], lineage: Lineage) -> Mapping[str, str]:
    """The fingerprint of the cause of each alert, by its own; that of a cause is itself."""
    alerts = tuple(alerts)
    of_pipeline: dict[AssetPath, list[Alert]] = {}
    of_instance: dict[str, Alert] = {}
    for alert in sorted(alerts, key=_order):
        if alert.pipeline is not None:
            of_pipeline.setdefault(alert.pipeline.path, []).append(alert)
        elif alert.condition in _OF_INSTANCE and alert.instance:
            of_instance.setdefault(alert.instance, alert)
    roots = _Roots({path: found[0] for path, found in of_pipeline.items()}, of_instance, lineage)
    causes = {alert.fingerprint: alert.fingerprint for alert in alerts}
    for path, found in of_pipeline.items():
        root = roots.of(path) or found[0]
        causes.update((alert.fingerprint, root.fingerprint) for alert in found)
    for instance, first in of_instance.items():
        for alert in alerts:
            if alert.condition in _OF_INSTANCE and alert.instance == instance:
                causes[alert.fingerprint] = first.fingerprint
    return causes


def _order(alert: Alert) -> tuple[int, datetime, str]:
    if alert.condition is Condition.ORCHESTRATOR_DOWN:
        return -1, alert.since, alert.fingerprint
    return _GRAVEST_FIRST.index(alert.condition), alert.since, alert.fingerprint


class _Roots:
    """The alert that each pipeline's follow from.

    Args:
        leading: the gravest alert of each pipeline that has any.
        down: orchestrators that do not work.
    """

    def __init__(
        self, leading: Mapping[AssetPath, Alert], down: Mapping[str, Alert], lineage: Lineage
    ) -> None:
        self._leading = leading
        self._down = down
        self._lineage = lineage
        self._found: dict[AssetPath, Alert | None] = {}

    def of(self, start: AssetPath) -> Alert | None:
        """None where nothing is wrong with the pipeline, nor with anything upstream of it."""
        trail = [start]
        under_way = {start}
        while trail:
            path = trail[-1]
            upstream = [edge.upstream for edge in self._lineage.into(path)]
            ahead = [up for up in upstream if up not in self._found and up not in under_way]
            if path in self._found or not ahead:
                self._found.setdefault(path, self._root(path, upstream))
                under_way.discard(trail.pop())
                continue
            trail.append(ahead[0])
            under_way.add(ahead[0])
        return self._found[start]

    def _root(self, path: AssetPath, upstream: Iterable[AssetPath]) -> Alert | None:
        own = self._leading.get(path)
        above = [root for up in upstream if (root := self._found.get(up)) and _explains(root, own)]
        if own is not None and own.condition in _WHEN_DOWN and own.pipeline is not None:
            down = self._down.get(own.pipeline.instance)
            if down is not None and _explains(down, own):
                return down
        if above:
            return min(above, key=lambda root: (root.since, root.fingerprint))
        return own if own is not None and own.condition in STOPS_OTHERS else None


def _explains(root: Alert, own: Alert | None) -> bool:
    return own is None or own.condition not in _BY_ITSELF or root.since <= own.since
