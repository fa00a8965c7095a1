"""Jobs that run at the times that `meta_orch.yaml` sets."""

from collections.abc import Callable, Mapping
from datetime import datetime

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
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
    partition: Callable[[datetime], str] | None = None,
) -> ScheduleDefinition:
    """The schedule, which runs from the start, of a job of the same name.

    Args:
        selection: the assets that the job makes, or the checks that it evaluates.
        does: what the job is for: a sentence.
        key: of the cron in `meta_orch.yaml`.
        partition: gives the key of the partition that is made at a time of the schedule, also one
            that Dagster catches up with.
    """
    job = define_asset_job(
        name,
        selection=selection,
        description=does,
        tags=tags,
        executor_def=in_process_executor,
    )

    def request(context: ScheduleEvaluationContext) -> RunRequest:
        if partition is None:
            return RunRequest()
        return RunRequest(partition_key=partition(context.scheduled_execution_time))

    return ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description=f"Its time is `{key}` in meta_orch.yaml.",
        execution_fn=request,
    )
