"""The job that keeps the store at the size that `store.retention` allows, and its schedule."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from dagster import (
    DefaultScheduleStatus,
    JobDefinition,
    OpExecutionContext,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)

from meta_orch.config.models import Retention
from meta_orch.defs import metadata
from meta_orch.store import Store

JOB_NAME: Final = "meta_orch__prune_store"


def build_retention(
    store: Store, retention: Retention, clock: Callable[[], datetime]
) -> tuple[JobDefinition, ScheduleDefinition]:
    """The job and its schedule, which runs from the start.

    Args:
        clock: gives the time as aware UTC.
    """

    @op(name=f"{JOB_NAME}_op")
    def prune_store(context: OpExecutionContext) -> None:
        with store.write() as writer:
            expired = writer.forget_expired(retention, clock())
        compaction = store.compact()
        context.log.info("%s runs and %s task runs removed", expired.runs, expired.task_runs)
        context.add_output_metadata(
            metadata.present(
                {
                    metadata.RUNS_REMOVED: expired.runs,
                    metadata.TASK_RUNS_REMOVED: expired.task_runs,
                    metadata.STORE_BYTES: store.path.stat().st_size,
                    metadata.BYTES_FREED: compaction.before - compaction.after if compaction else 0,
                }
            )
        )

    @job(
        name=JOB_NAME,
        description=(
            "Removes from the store what is older than `store.retention` in meta_orch.yaml keeps, "
            "and makes its file smaller. Dagster's own history is not touched."
        ),
        executor_def=in_process_executor,
    )
    def prune_store_job() -> None:
        prune_store()

    schedule = ScheduleDefinition(
        name=JOB_NAME,
        job=prune_store_job,
        cron_schedule=retention.cron,
        execution_timezone=retention.timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="When the store is pruned: `store.retention.cron` in meta_orch.yaml.",
    )
    return prune_store_job, schedule
