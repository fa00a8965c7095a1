"""Saying that what is shown is out of date, and that it is no more.

The check `collector_is_fresh` of the instance tells how things are. Those of its pipelines are
evaluated with their runs, so nothing would tell when no run comes any more because the server does
not answer: when the instance's verdict changes, the verdicts of the pipelines that contradict it
follow. That takes Dagster minutes for ten thousand of them, so it goes on from tick to tick; what
is left to do is read from Dagster itself, and nothing is remembered here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dagster import AssetCheckKey, AssetKey, DagsterInstance

from meta_orch.config import InstanceConfig
from meta_orch.defs import names
from meta_orch.defs.checks import evaluate_freshness
from meta_orch.defs.evaluations import COLLECTOR_IS_FRESH, as_evaluation
from meta_orch.defs.mirror import latest_verdicts
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.store import CollectorStatus


def publish_freshness(
    dagster: DagsterInstance,
    instance: InstanceConfig,
    status: CollectorStatus | None,
    pipelines: Callable[[], Iterable[PipelineKey]],
    *,
    clock: Callable[[], datetime],
    deadline: datetime,
) -> bool:
    """Evaluate the check of the instance where its verdict changed, and those of its pipelines that
    contradict it. Returns whether the instance is fresh.

    When it becomes stale, the instance says so first; when it is fresh again, last: its verdict
    tells whether all the pipelines' are right, and a tick that finds it so does no more.

    Args:
        status: how the last reading went.
        pipelines: gives the instance's pipelines; asked only where that is needed.
    """
    own = names.instance_key(instance.name)
    is_fresh = evaluate_freshness(own, instance, status, clock()).passed
    shown = latest_verdicts(dagster, [_check(own)]).get(_check(own))

    def report(asset: AssetKey) -> None:
        result = evaluate_freshness(asset, instance, status, clock())
        dagster.report_runless_asset_event(as_evaluation(result))

    if shown is None or (shown and not is_fresh):
        report(own)
    if shown is not None and not (shown and is_fresh):
        checks = [_check(names.asset_key(pipeline)) for pipeline in pipelines()]
        for check, passed in sorted(latest_verdicts(dagster, checks).items()):
            if clock() >= deadline:
                return is_fresh
            if passed is not is_fresh:
                report(check.asset_key)
    if is_fresh and shown is False:
        report(own)
    return is_fresh


def _check(asset: AssetKey) -> AssetCheckKey:
    return AssetCheckKey(asset, COLLECTOR_IS_FRESH)
