"""What is in use and wanted of resources, as an asset with a partition each day."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    DailyPartitionsDefinition,
    DefaultScheduleStatus,
    MaterializeResult,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    asset,
    define_asset_job,
    in_process_executor,
    schedule,
)

from meta_orch.analytics.resources.measuring import days_to_measure, measure_days
from meta_orch.analytics.resources.provisioning import Provision, provisions
from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics.group import GROUP, watermark
from meta_orch.domain.words import describe_duration
from meta_orch.store import Store

RESOURCES_KEY: Final = AssetKey(["meta_orch", "resources"])
JOB_NAME: Final = "meta_orch__measure_resources"
_AT_ONCE: Final = 14
"""Days that one tick has measured, the last ones; the next tick goes on."""
_DAY = timedelta(days=1)


def build_resources(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> tuple[AssetsDefinition, ScheduleDefinition]:
    """The asset, and the schedule of the job that renews what there is news of.

    Args:
        clock: gives the time as aware UTC.
    """
    with store.read() as reader:
        first = reader.measurements.first_day() or clock().date()

    @asset(
        key=RESOURCES_KEY,
        group_name=GROUP,
        kinds={"duckdb"},
        partitions_def=DailyPartitionsDefinition(start_date=first.isoformat(), end_offset=1),
        description=(
            "How much of each orchestrator, pool and resource in meta_orch.yaml was in use and "
            "wanted, hour by hour (the views `resource_hours` and `resource_users`; "
            "`meta-orch resources`)."
        ),
    )
    def resources(context: AssetExecutionContext) -> MaterializeResult:
        begun = clock()
        read_until = watermark(store)
        day = date.fromisoformat(context.partition_key)
        spans = measure_days(store, config, [day], begun)
        context.log.info("%s measured from %s spans of runs and attempts", day, spans)
        until = datetime.combine(day + _DAY, time(), UTC)
        with store.read() as reader:
            found = provisions(reader, min(until, clock()), _DAY)
        return MaterializeResult(
            metadata=metadata.present(
                {
                    metadata.COVERS_FROM: metadata.timestamp(until - _DAY),
                    metadata.COVERS_TO: metadata.timestamp(until),
                    metadata.SPANS: spans,
                    metadata.SATURATED: sum(each.saturated.total_seconds() for each in found),
                    metadata.QUEUED_UNITS: sum(each.queued.total_seconds() for each in found),
                    metadata.WATERMARK: read_until,
                    metadata.SECONDS: round((clock() - begun).total_seconds(), 3),
                    metadata.RESOURCES: metadata.table(
                        (
                            *("kind", "resource", "capacity", "peak", "peak wanted"),
                            *("utilisation", "saturated", "queued"),
                        ),
                        map(_row, found),
                    ),
                }
            )
        )

    job = define_asset_job(
        JOB_NAME,
        selection=AssetSelection.assets(RESOURCES_KEY),
        description="Measures the days that there is news of.",
        executor_def=in_process_executor,
    )

    @schedule(
        name=JOB_NAME,
        job=job,
        cron_schedule=config.analytics.resources_cron,
        execution_timezone=config.analytics.timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="When resources are measured: `analytics.resources_cron` in meta_orch.yaml.",
    )
    def measure(_context: ScheduleEvaluationContext) -> list[RunRequest] | SkipReason:
        now = clock()
        due = [day for day in days_to_measure(store, config, now) if day >= first]
        if not due:
            return SkipReason("no run is known")
        return [
            RunRequest(run_key=f"{day} at {now.isoformat()}", partition_key=day.isoformat())
            for day in due[:_AT_ONCE]
        ]

    return resources, measure


def _row(found: Provision) -> tuple[object, ...]:
    return (
        found.kind,
        found.resource,
        None if found.capacity is None else f"{found.capacity:g}",
        f"{found.peak_running:g}",
        f"{found.peak_wanted:g}",
        None if found.utilisation is None else f"{found.utilisation:.0%}",
        describe_duration(found.saturated) if found.saturated else None,
        describe_duration(found.queued) if found.queued else None,
    )
