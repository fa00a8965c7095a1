"""The daily and the weekly report, each as an asset with a job and a schedule. The daily one has a
partition for each day; which seven days the weekly one is of depends on when it is made."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dagster import (
    AllPartitionMapping,
    AssetDep,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    DailyPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    ScheduleDefinition,
    asset,
)

from meta_orch.alerts.announcing import announce
from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics.conflicts import CONFLICTS_KEY
from meta_orch.defs.analytics.critical_paths import PATHS_KEY
from meta_orch.defs.analytics.group import GROUP, watermark
from meta_orch.defs.analytics.predictions import PREDICTIONS_KEY
from meta_orch.defs.analytics.resources import RESOURCES_KEY
from meta_orch.defs.analytics.slas import SLAS_KEY
from meta_orch.defs.schedules import schedule_job
from meta_orch.reports.collecting import collect_report
from meta_orch.reports.model import Period, Report
from meta_orch.reports.publishing import publish
from meta_orch.reports.refreshing import refresh_all
from meta_orch.reports.rendering import title
from meta_orch.store import Store

REPORT_KEYS: Final = {
    Period.DAY: AssetKey(["meta_orch", "daily_report"]),
    Period.WEEK: AssetKey(["meta_orch", "weekly_report"]),
}
JOB_NAMES: Final = {
    Period.DAY: "meta_orch__make_daily_report",
    Period.WEEK: "meta_orch__make_weekly_report",
}
_TOLD: Final = 3
"""Findings in a message."""
_OF: Final = {
    Period.DAY: "the last day that is over",
    Period.WEEK: "the last seven days that are over",
}


def build_report(
    period: Period, config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> tuple[AssetsDefinition, ScheduleDefinition]:
    """The asset, and the schedule of the job that makes it.

    Args:
        clock: gives the time as aware UTC.
    """
    settings = config.reports
    is_daily = period is Period.DAY

    def day_before(at: datetime) -> date:
        return at.astimezone(ZoneInfo(settings.timezone)).date() - timedelta(days=1)

    @asset(
        key=REPORT_KEYS[period],
        group_name=GROUP,
        kinds={"html"},
        deps=[
            *(SLAS_KEY, PATHS_KEY, CONFLICTS_KEY, PREDICTIONS_KEY),
            AssetDep(RESOURCES_KEY, partition_mapping=AllPartitionMapping()),  # days of UTC
        ],
        partitions_def=_days(store, day_before(clock()), settings.timezone) if is_daily else None,
        description=(
            f"What is worth acting on in {_OF[period]}, with its evidence; how promises were kept, "
            "what ran when, what was wanted of which resource. A page, Markdown and JSON below "
            "`reports.url` in meta_orch.yaml; `meta-orch report`."
        ),
    )
    def report(context: AssetExecutionContext) -> MaterializeResult:
        begun = clock()
        read_until = watermark(store)
        day = date.fromisoformat(context.partition_key) if context.has_partition_key else None
        refresh_all(store, config, begun)
        with store.read() as reader:
            found = collect_report(reader, config, period, begun, last_day=day)
        published = publish(found, settings.url)
        context.log.info("written: %s", published.html)
        if found.is_last:
            announce(
                store,
                settings.send_to,
                title(found),
                _summary(found),
                place=published.html,
                now=begun,
            )
        link = MetadataValue.url if "://" in published.html else MetadataValue.path
        return MaterializeResult(
            metadata=metadata.present(
                {
                    metadata.REPORT: link(published.html),
                    metadata.FINDINGS: len(found.findings) + found.more_findings,
                    metadata.COVERS_FROM: metadata.timestamp(found.window.start),
                    metadata.COVERS_TO: metadata.timestamp(found.window.end),
                    metadata.WATERMARK: read_until,
                    metadata.SECONDS: round((clock() - begun).total_seconds(), 3),
                    metadata.PREVIEW: MetadataValue.md(published.text),
                }
            )
        )

    schedule = schedule_job(
        JOB_NAMES[period],
        AssetSelection.assets(REPORT_KEYS[period]),
        does=f"Makes the report of {_OF[period]}.",
        cron=settings.daily_cron if is_daily else settings.weekly_cron,
        timezone=settings.timezone,
        key="reports.daily_cron" if is_daily else "reports.weekly_cron",
        partition=(lambda at: day_before(at).isoformat()) if is_daily else None,
    )
    return report, schedule


def _days(store: Store, yesterday: date, timezone: str) -> DailyPartitionsDefinition:
    """From the first one that the store knows; yesterday at least."""
    with store.read() as reader:
        first = min(reader.measurements.first_day() or yesterday, yesterday)
    return DailyPartitionsDefinition(start_date=first.isoformat(), timezone=timezone)


def _summary(report: Report) -> str:
    """The figures, and the first findings."""
    numbers = ", ".join(f"{number.label}: {number.value}" for number in report.numbers)
    findings = [f"- {found.subject}: {found.title}" for found in report.findings[:_TOLD]]
    return "\n".join([numbers, *findings])
