"""The assets that tell what the history shows, with the job and the schedule that renew them."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from dagster import (
    AssetsDefinition,
    AssetSelection,
    ScheduleDefinition,
)

from meta_orch.config import MetaOrchConfig
from meta_orch.defs.analytics.conflicts import build_conflicts
from meta_orch.defs.analytics.critical_paths import build_critical_paths
from meta_orch.defs.analytics.incidents import JOB_NAME as INCIDENTS_JOB_NAME
from meta_orch.defs.analytics.incidents import build_incident_report
from meta_orch.defs.analytics.predictions import build_predictions
from meta_orch.defs.analytics.reports import JOB_NAMES as REPORT_JOB_NAMES
from meta_orch.defs.analytics.reports import build_report
from meta_orch.defs.analytics.resources import JOB_NAME as RESOURCES_JOB_NAME
from meta_orch.defs.analytics.resources import build_resources
from meta_orch.defs.analytics.slas import build_slas
from meta_orch.defs.schedules import schedule_job
from meta_orch.reports.model import Period
from meta_orch.store import Store

JOB_NAME: Final = "meta_orch__refresh_analytics"
JOB_NAMES: Final = frozenset(
    {JOB_NAME, RESOURCES_JOB_NAME, *REPORT_JOB_NAMES.values(), INCIDENTS_JOB_NAME}
)


def build_analytics(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> tuple[list[AssetsDefinition], list[ScheduleDefinition]]:
    """The assets, and the schedules of the jobs that renew them.

    Args:
        clock: gives the time as aware UTC.
    """
    settings = config.analytics
    assets = [
        build_slas(config, store, clock),
        build_critical_paths(settings, store, clock),
        build_predictions(config, store, clock),
        build_conflicts(config, store, clock),
    ]
    schedule = schedule_job(
        JOB_NAME,
        AssetSelection.assets(*assets),
        does="Works out anew what the history tells.",
        cron=settings.cron,
        timezone=settings.timezone,
        key="analytics.cron",
    )
    others = [
        build_resources(config, store, clock),
        *(build_report(period, config, store, clock) for period in Period),
        build_incident_report(config, store, clock),
    ]
    return (
        [*assets, *(made for made, _ in others)],
        [schedule, *(when for _, when in others)],
    )
