"""The flows whose rows are copied when a Prefect is seeded (`benchmarks/seeding`). Prefect runs
this file, not us.

`outcomes` says which of a run's tasks fails at its first attempt (`stumble`) or at each (`fail`).
"""

import os

from prefect import flow, serve, task
from prefect.runtime import task_run

TASKS = int(os.environ["BENCHMARK_TASKS"])


@task(retries=1)
def work(outcome: str | None, part: int) -> int:
    if outcome == "fail" or (outcome == "stumble" and task_run.run_count == 1):
        raise RuntimeError(outcome)
    return part


@flow
def template_plain(outcomes: dict[str, str] = {}):  # noqa: B006  # read only
    part = 0
    for number in range(TASKS):
        name = f"task_{number}"
        part = work.with_options(name=name, task_run_name=name)(outcomes.get(name), part)


@flow
def template_mapped(outcomes: dict[str, str] = {}):  # noqa: B006
    work.map(outcome=None, part=list(range(TASKS))).result()


if __name__ == "__main__":
    deployments = [
        each.to_deployment("nightly", cron="0 3 * * *", tags=["warehouse"])
        for each in (template_plain, template_mapped)
    ]
    serve(*deployments, pause_on_shutdown=False)
