"""Where pipelines lose their time, as an asset."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from meta_orch.analytics.critical_paths.refreshing import refresh_critical_paths
from meta_orch.config.analytics import AnalyticsConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics.group import GROUP, watermark
from meta_orch.domain.words import describe_duration
from meta_orch.store import Store

PATHS_KEY: Final = AssetKey(["meta_orch", "critical_paths"])
_LISTED = 20


def build_critical_paths(
    settings: AnalyticsConfig, store: Store, clock: Callable[[], datetime]
) -> AssetsDefinition:
    """Args:
    clock: gives the time as aware UTC.
    """

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
        read_until = watermark(store)
        refreshed = refresh_critical_paths(store, begun, runs=settings.critical_path_runs)
        context.log.info(
            "%s pipelines had new runs; %s runs were looked at",
            refreshed.pipelines,
            refreshed.runs,
        )
        with store.read() as reader:
            worst = reader.traces.worst(_LISTED)
        window = refreshed.window
        return MaterializeResult(
            metadata=metadata.present(
                {
                    metadata.PIPELINES_REFRESHED: refreshed.pipelines,
                    metadata.RUNS_ANALYSED: refreshed.runs,
                    metadata.COVERS_FROM: metadata.timestamp(window.start if window else None),
                    metadata.COVERS_TO: metadata.timestamp(window.end if window else None),
                    metadata.WATERMARK: read_until,
                    metadata.SECONDS: round((clock() - begun).total_seconds(), 3),
                    metadata.WORST_TASKS: metadata.table(
                        ("pipeline", "task", "30% faster saves", "of", "on the critical path"),
                        map(_row, worst),
                    ),
                }
            )
        )

    return critical_paths


def _row(row: Sequence[Any]) -> tuple[str, ...]:
    instance, pipeline, task, saves, makespan, on_path, runs = row
    return (
        f"{instance}/{pipeline}",
        task,
        describe_duration(timedelta(seconds=saves)),
        describe_duration(timedelta(seconds=makespan)),
        f"{on_path:.0%} of {runs} runs",
    )
