"""A code location for the tests: one job for each thing that a reader must get right. Dagster reads
its annotations, so they are not postponed."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg


@dg.asset(
    owners=["team:sales", "anna@example.com"],
    metadata={"dagster/uri": "s3://lake/raw", "dagster/table_name": "shop.public.raw"},
)
def raw() -> int:
    return 1


@dg.asset
def clean(raw: int) -> int:
    return raw


@dg.op(out=dg.DynamicOut(int))
def parts() -> Iterator[dg.DynamicOutput[int]]:
    for number in range(3):
        yield dg.DynamicOutput(number, mapping_key=str(number))


@dg.op
def double(number: int) -> int:
    return 2 * number


@dg.op
def total(numbers: list[int]) -> int:
    return sum(numbers)


@dg.job(description="Doubles and adds up")
def sums() -> None:
    total(parts().map(double).collect())


class Breaking(dg.Config):
    api_key: str = "none"
    number: int = 1


@dg.op
def fine() -> int:
    return 1


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def break_down(number: int, config: Breaking) -> int:
    raise ValueError(f"broken on purpose, at {number}")


@dg.op
def after(number: int) -> int:
    return number


@dg.job
def fails() -> None:
    after(break_down(fine()))


class Waiting(dg.Config):
    until: str


@dg.op
def wait(config: Waiting) -> None:
    """Until the file exists, and no longer than the tests may take."""
    deadline = time.monotonic() + 300
    while not Path(config.until).exists() and time.monotonic() < deadline:
        time.sleep(0.1)


@dg.job
def waits() -> None:
    wait()


@dg.op(config_schema=dg.Permissive())
def take() -> None: ...


@dg.config_mapping(
    config_schema={
        "number": dg.Field(int, is_required=False),
        "api_key": dg.Field(str, is_required=False),
    }
)
def flat(given: dict) -> dict:
    """So that the run config is the parameters themselves."""
    return {"ops": {"take": {"config": dict(given)}}}


@dg.job(config=flat)
def takes() -> None:
    take()


@dg.job(description="One after the other", tags={"sales": "", "team": "finance"})
def chain() -> None:
    after(double(fine()))


def added_jobs() -> list[dg.JobDefinition]:
    """Those that tests add while Dagster runs: their descriptions by name, in a file."""
    file = Path(os.environ.get("DAGSTER_HOME", ".")) / "added_jobs.json"
    descriptions = json.loads(file.read_text()) if file.exists() else {}
    return [make_job(name, text) for name, text in descriptions.items()]


def make_job(name: str, description: str) -> dg.JobDefinition:
    @dg.job(name=name, description=description, tags={"described": str(len(description))})
    def added() -> None:
        fine()

    return added


both = dg.define_asset_job("both", ["raw", "clean"])

nightly = dg.ScheduleDefinition(
    name="nightly",
    job=chain,
    cron_schedule="30 5 * * 1-5",
    execution_timezone="Europe/Berlin",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
twice = dg.ScheduleDefinition(name="twice", job=both, cron_schedule=["0 3 * * *", "0 5 * * *"])


@dg.sensor(job=fails)
def watch() -> dg.SkipReason:
    return dg.SkipReason("nothing to see")


defs = dg.Definitions(
    assets=[raw, clean],
    jobs=[sums, chain, takes, fails, waits, both, *added_jobs()],
    schedules=[nightly, twice],
    sensors=[watch],
    executor=dg.in_process_executor,  # a process for each step would take seconds to come up
)
