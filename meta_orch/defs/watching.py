"""The sensor that keeps the checks of SLAs and habits as things are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from meta_orch.defs import metadata
from meta_orch.defs.evaluations import as_evaluation
from meta_orch.defs.judging import Judge
from meta_orch.defs.mirror import latest_verdicts
from meta_orch.store import Store

SENSOR_NAME: Final = "meta_orch__watch"
_EVERY_SECONDS: Final = 60

_Said = tuple[bool, AssetCheckSeverity, float | None]
"""What is told anew when it changes: whether it passed, how grave that is, the risk to a tenth."""


def build_watch_sensor(
    judge: Judge, store: Store, clock: Callable[[], datetime]
) -> SensorDefinition:
    """Args:
    clock: gives the time as aware UTC.
    """
    published: dict[AssetCheckKey, _Said] = {}

    @sensor(
        name=SENSOR_NAME,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description=(
            "Keeps the checks `meets_sla`, `not_at_risk`, `duration_is_normal` and "
            "`starts_on_schedule` as things are: `slas` and `analytics.watched` in meta_orch.yaml."
        ),
    )
    def watch(context: SensorEvaluationContext) -> SkipReason:
        with store.read() as reader:
            results = judge.results(reader, clock())
        # What passed before this process began need not be said again; what failed is, once.
        for check, passed in latest_verdicts(
            context.instance, [*(results.keys() - published.keys())]
        ).items():
            if passed and results[check].passed:
                published[check] = _said(results[check])
        changed = 0
        for check, result in results.items():
            said = _said(result)
            if published.get(check) != said:
                context.instance.report_runless_asset_event(as_evaluation(result))
                published[check] = said
                changed += 1
        failing = sum(not result.passed for result in results.values())
        return SkipReason(f"{len(results)} checks, {failing} of them fail; {changed} changed")

    return watch


def _said(result: AssetCheckResult) -> _Said:
    risk = (result.metadata or {}).get(metadata.RISK)
    value = getattr(risk, "value", risk)
    return (
        result.passed,
        result.severity,
        round(value, 1) if isinstance(value, float) else None,
    )
