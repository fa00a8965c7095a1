"""Jobs that run at the times that `meta_orch.yaml` sets."""

from collections.abc import Mapping

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)


def schedule_job(
    name: str,
    selection: AssetSelection,
    *,
    does: str,
    cron: str,
    timezone: str,
    key: str,
    tags: Mapping[str, str] | None = None,
) -> ScheduleDefinition:
    """The schedule, which runs from the start, of a job of the same name.

    Args:
        selection: the assets that the job makes, or the checks that it evaluates.
        does: what the job is for: a sentence.
        key: of the cron in `meta_orch.yaml`.
    """
    job = define_asset_job(
        name,
        selection=selection,
        description=does,
        tags=tags,
        executor_def=in_process_executor,
    )
    return ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description=f"Its time is `{key}` in meta_orch.yaml.",
    )
