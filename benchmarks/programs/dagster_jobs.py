"""A code location with as many jobs as `BENCHMARK_PIPELINES` says."""

from __future__ import annotations

import os

from dagster import Definitions, JobDefinition, ScheduleDefinition, in_process_executor, job, op

from benchmarks.programs.bare import PIPELINES


@op
def extract() -> int:
    return 1


@op
def load(rows: int) -> None: ...


def _job(number: int) -> JobDefinition:
    @job(
        name=f"pipeline_{number:05}",
        description=f"Loads table {number} of the warehouse and tests it.",
        executor_def=in_process_executor,
    )
    def made() -> None:
        load(extract())

    return made


jobs = [_job(number) for number in range(int(os.environ.get(PIPELINES, "0")))]
defs = Definitions(
    jobs=jobs, schedules=[ScheduleDefinition(job=each, cron_schedule="0 0 1 1 *") for each in jobs]
)
