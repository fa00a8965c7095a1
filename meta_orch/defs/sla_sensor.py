"""The sensor that keeps `meets_sla` as things are."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from dagster import (
    AssetCheckKey,
    AssetCheckSeverity,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from meta_orch.analytics.promises import PromiseKeeper
from meta_orch.config import MetaOrchConfig
from meta_orch.defs import names
from meta_orch.defs.evaluations import MEETS_SLA, as_evaluation
from meta_orch.defs.mirror import latest_verdicts
from meta_orch.defs.slas import evaluate_promises
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.store import Store

SENSOR_NAME: Final = "meta_orch__slas"
_EVERY_SECONDS: Final = 60


def build_sla_sensor(
    config: MetaOrchConfig,
    store: Store,
    shown: Collection[PipelineKey],
    clock: Callable[[], datetime],
) -> list[SensorDefinition]:
    """The sensor; none where there are no SLAs.

    Args:
        shown: the pipelines that the location has loaded.
        clock: gives the time as aware UTC.
    """
    if not config.slas:
        return []
    shown, keeper = frozenset(shown), PromiseKeeper(config.slas)
    published: dict[AssetCheckKey, tuple[bool, AssetCheckSeverity]] = {}

    @sensor(
        name=SENSOR_NAME,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Keeps the check `meets_sla` as things are: `slas` in meta_orch.yaml.",
    )
    def slas(context: SensorEvaluationContext) -> SkipReason:
        with store.read() as reader:
            by_pipeline = keeper.look(reader, clock())
        results = {
            AssetCheckKey(names.asset_key(key), MEETS_SLA): evaluate_promises(key, promises)
            for key, promises in by_pipeline.items()
            if key in shown
        }
        # What passed before this process began need not be said again; what failed is, once.
        for check, passed in latest_verdicts(
            context.instance, [*(results.keys() - published.keys())]
        ).items():
            if passed and results[check].passed:
                published[check] = True, results[check].severity
        changed = 0
        for check, result in results.items():
            said = result.passed, result.severity
            if published.get(check) != said:
                context.instance.report_runless_asset_event(as_evaluation(result))
                published[check] = said
                changed += 1
        broken = sum(not result.passed for result in results.values())
        return SkipReason(
            f"{len(results)} pipelines, {broken} of them do not keep what they promise; "
            f"{changed} changed"
        )

    return [slas]
