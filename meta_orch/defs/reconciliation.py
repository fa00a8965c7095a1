"""The check that an instance's store holds what its server has, its job and its schedule.

The check is the work: whoever executes it, the schedule or a person, has the two compared and the
store repaired.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetSelection,
    Failure,
    ScheduleDefinition,
    asset_check,
)

from meta_orch.config import InstanceConfig, MetaOrchConfig
from meta_orch.defs import metadata, names
from meta_orch.defs.connection import Connect
from meta_orch.defs.schedules import schedule_job
from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.runs import RunKey
from meta_orch.store import Store
from meta_orch.sync import Reconciliation, reconcile

STORE_MATCHES_SERVER: Final = "store_matches_server"
LONGEST: Final = timedelta(minutes=30)
_LISTED_RUNS = 50


def evaluate_reconciliation(found: Reconciliation) -> AssetCheckResult:
    """Whether the store held what the server has, before it was repaired. That it did not is a
    warning where all of it is repaired, and else an error. That the time did not do for all is a
    warning, too: the next time goes on."""
    is_mended = found.repaired == found.differing
    return AssetCheckResult(
        check_name=STORE_MATCHES_SERVER,
        passed=found.is_right,
        severity=AssetCheckSeverity.WARN if is_mended else AssetCheckSeverity.ERROR,
        description=_describe(found),
        metadata=metadata.present(
            {
                metadata.COMPARED_FROM: metadata.timestamp(found.window.start),
                metadata.COMPARED_TO: metadata.timestamp(found.window.end),
                metadata.PIPELINES: found.pipelines,
                metadata.PIPELINES_LISTED: found.listed,
                metadata.RUNS_COMPARED: found.runs,
                metadata.RUNS_MISSING: len(found.missing),
                metadata.RUNS_GONE: len(found.gone),
                metadata.RUNS_CHANGED: len(found.changed),
                metadata.RUNS_REPAIRED: found.repaired,
                metadata.DIFFERENCES: _differences(found) if found.differing else None,
            }
        ),
    )


def build_reconciliation(
    instance: InstanceConfig,
    config: MetaOrchConfig,
    store: Store,
    connect: Connect,
    clock: Callable[[], datetime],
) -> tuple[AssetChecksDefinition, ScheduleDefinition]:
    """The check of one instance, and the schedule of the job that executes it, which runs from the
    start.

    Args:
        connect: gives an orchestrator's adapter.
        clock: gives the time as aware UTC.
    """
    name = names.reconciliation_name(instance.name)

    @asset_check(
        asset=names.instance_key(instance.name),
        name=STORE_MATCHES_SERVER,
        description=(
            f"Whether the store holds the runs that {instance.name} has. To execute it compares "
            "the two, which takes minutes where there are many, and repairs the store."
        ),
    )
    def store_matches_server(context: AssetCheckExecutionContext) -> AssetCheckResult:
        try:
            with connect(instance, context.instance) as orchestrator:
                found = reconcile(
                    orchestrator,
                    store,
                    clock=clock,
                    deadline=clock() + LONGEST,
                    lookback=instance.lookback,
                    keeps=config.store.retention.runs,
                    reach=config.reconciliation.window,
                )
        except MetaOrchError as error:
            # Not compared is neither right nor wrong.
            raise Failure(str(error), allow_retries=False) from None
        context.log.info(_describe(found))
        return evaluate_reconciliation(found)

    schedule = schedule_job(
        name,
        AssetSelection.checks(store_matches_server),
        does=f"Compares the runs of {instance.name} with the store, and repairs it.",
        cron=config.reconciliation.cron,
        timezone=config.reconciliation.timezone,
        key="reconciliation.cron",
        tags={metadata.INSTANCE: instance.name},
    )
    return store_matches_server, schedule


def _describe(found: Reconciliation) -> str:
    compared = f"{found.runs:,} runs of {found.pipelines:,} pipelines"
    if found.is_right:
        return f"The store holds the {compared} that {found.instance} has."
    words = [
        f"{len(runs):,} {what}"
        for runs, what in (
            (found.missing, "were missing"),
            (found.gone, "no longer exist there"),
            (found.changed, "had come to another end"),
        )
        if runs
    ]
    said = f"Of {compared} of {found.instance}, {', '.join(words) or 'none differ so far'}"
    if found.differing:
        said += f"; {found.repaired:,} repaired"
    return f"{said}." if found.is_complete else f"{said}; not all were compared in time."


def _differences(found: Reconciliation) -> Any:
    def rows(runs: list[RunKey], what: str) -> list[tuple[str, str, str]]:
        return [(run.pipeline.name, run.run_id, what) for run in runs]

    return metadata.table(
        ("pipeline", "run", "in the store it was"),
        (
            *rows(found.missing, "missing"),
            *rows(found.gone, "left, though deleted there"),
            *rows(found.changed, "of another end"),
        ),
        most=_LISTED_RUNS,
    )
