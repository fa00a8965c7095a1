"""The report of the incidents of a week, as an asset with a job and a schedule."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    MaterializeResult,
    MetadataValue,
    ScheduleDefinition,
    asset,
)

from meta_orch.alerts.announcing import announce
from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics.group import GROUP
from meta_orch.defs.incidents import INCIDENTS_KEY
from meta_orch.defs.schedules import schedule_job
from meta_orch.reports.incidents.publishing import make_incident_report, publish_incidents
from meta_orch.reports.model import Period
from meta_orch.store import Store

INCIDENT_REPORT_KEY: Final = AssetKey(["meta_orch", "incident_report"])
JOB_NAME: Final = "meta_orch__make_incident_report"
_LINES = 8
"""Of the report, in a message."""


def build_incident_report(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> tuple[AssetsDefinition, ScheduleDefinition]:
    """The asset, and the schedule of the job that makes it.

    Args:
        clock: gives the time as aware UTC.
    """

    @asset(
        key=INCIDENT_REPORT_KEY,
        group_name=GROUP,
        kinds={"html"},
        deps=[INCIDENTS_KEY],
        description=(
            "The incidents of the last seven days that are over: how many, how soon they were "
            "noticed and over, by orchestrator, team and cause. A page and Markdown below "
            "`reports.url` in meta_orch.yaml; `meta-orch incidents report`."
        ),
    )
    def incident_report(context: AssetExecutionContext) -> MaterializeResult:
        now = clock()
        with store.read() as reader:
            made = make_incident_report(reader, config, Period.WEEK, now)
        place = publish_incidents(made, config.reports.url)
        context.log.info("written: %s", place)
        lines = "\n".join(made.text.splitlines()[2:][:_LINES])
        announce(store, config.reports.send_to, made.title, lines, place=place, now=now)
        found = made.report
        link = MetadataValue.url if "://" in place else MetadataValue.path
        return MaterializeResult(
            metadata=metadata.present(
                {
                    metadata.REPORT: link(place),
                    metadata.INCIDENTS: found.all.count,
                    metadata.TO_DETECT: metadata.seconds(found.all.to_detect),
                    metadata.TO_RECOVER: metadata.seconds(found.all.to_recover),
                    metadata.COVERS_FROM: metadata.timestamp(found.window.start),
                    metadata.COVERS_TO: metadata.timestamp(found.window.end),
                    metadata.PREVIEW: MetadataValue.md(made.text),
                }
            )
        )

    schedule = schedule_job(
        JOB_NAME,
        AssetSelection.assets(INCIDENT_REPORT_KEY),
        does="Makes the report of the incidents of the last seven days that are over.",
        cron=config.reports.incidents_cron,
        timezone=config.reports.timezone,
        key="reports.incidents_cron",
    )
    return incident_report, schedule
