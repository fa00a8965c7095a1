"""The assets that tell what the history shows, with the job and the schedule that renew them."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from dagster import (
    AssetsDefinition,
    AssetSelection,
    DefaultScheduleStatus,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)

from meta_orch.config import MetaOrchConfig
from meta_orch.defs.analytics.critical_paths import build_critical_paths
from meta_orch.defs.analytics.predictions import build_predictions
from meta_orch.store import Store

JOB_NAME: Final = "meta_orch__refresh_analytics"


def build_analytics(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> tuple[list[AssetsDefinition], ScheduleDefinition]:
    """The assets, and the schedule of the job that renews them.

    Args:
        clock: gives the time as aware UTC.
    """
    settings = config.analytics
    assets = [
        build_critical_paths(settings, store, clock),
        build_predictions(config, store, clock),
    ]
    job = define_asset_job(
        JOB_NAME,
        selection=AssetSelection.assets(*assets),
        description="Works out anew what the history tells.",
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
    return assets, schedule
