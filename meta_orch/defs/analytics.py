"""The assets that tell what the history shows, each with its job and its schedule."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    DefaultScheduleStatus,
    MaterializeResult,
    ScheduleDefinition,
    asset,
    define_asset_job,
    in_process_executor,
)

from meta_orch.analytics.refreshing import refresh_critical_paths
from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.domain.words import describe_duration
from meta_orch.store import Store

PATHS_KEY: Final = AssetKey(["meta_orch", "critical_paths"])
JOB_NAME: Final = "meta_orch__find_critical_paths"
GROUP: Final = "analytics"
_LISTED = 20


def build_analytics(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> tuple[AssetsDefinition, ScheduleDefinition]:
    """The asset, and the schedule of the job that renews it.

    Args:
        clock: gives the time as aware UTC.
    """
    settings = config.analytics

    @asset(
        key=PATHS_KEY,
        group_name=GROUP,
        kinds={"duckdb"},
        description=(
            "Where pipelines lose their time: the critical paths of their last successful runs, "
            "and the tasks whose speed would change most. The views `critical_paths` and "
            "`critical_path_tasks` have all of it, `meta-orch critical-path` one pipeline's."
        ),
    )
    def critical_paths(context: AssetExecutionContext) -> MaterializeResult:
        begun = clock()
        refreshed = refresh_critical_paths(store, begun, runs=settings.critical_path_runs)
        context.log.info(
            "%s pipelines had new runs; %s runs were looked at",
            refreshed.pipelines,
            refreshed.runs,
        )
        with store.read() as reader:
            worst = reader.traces.worst(_LISTED)
        return MaterializeResult(
            metadata=metadata.present(
                {
                    metadata.PIPELINES_REFRESHED: refreshed.pipelines,
                    metadata.RUNS_ANALYSED: refreshed.runs,
                    metadata.SECONDS: round((clock() - begun).total_seconds(), 3),
                    metadata.WORST_TASKS: metadata.table(
                        ("pipeline", "task", "30% faster saves", "of", "on the critical path"),
                        map(_row, worst),
                    ),
                }
            )
        )

    job = define_asset_job(
        JOB_NAME,
        selection=AssetSelection.assets(PATHS_KEY),
        description="Works out the critical paths of pipelines that have new runs.",
        executor_def=in_process_executor,
    )
    schedule = ScheduleDefinition(
        name=JOB_NAME,
        job=job,
        cron_schedule=settings.cron,
        execution_timezone=settings.timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="When the history is analysed: `analytics.cron` in meta_orch.yaml.",
    )
    return critical_paths, schedule


def _row(row: Sequence[Any]) -> tuple[str, ...]:
    instance, pipeline, task, saves, makespan, on_path, runs = row
    return (
        f"{instance}/{pipeline}",
        task,
        describe_duration(timedelta(seconds=saves)),
        describe_duration(timedelta(seconds=makespan)),
        f"{on_path:.0%} of {runs} runs",
    )
