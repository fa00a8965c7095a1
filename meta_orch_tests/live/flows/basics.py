"""One flow for each thing that a Prefect reader must get right. Prefect runs this file, not us."""

from datetime import timedelta

from prefect import flow, serve, task
from prefect.schedules import Cron, RRule


@task(retries=1, retry_delay_seconds=0)
def add(left: int, right: int) -> int:
    return left + right


@task
def double(number: int) -> int:
    return 2 * number


@flow
def sums(left: int = 1, api_key: str = "hidden-by-its-name") -> int:
    """Two tasks, one after the other, and a parameter that is a secret by its name."""
    return double(add.submit(left, 2))


@flow
def mapped() -> list[int]:
    """One task run for each number."""
    return double.map([1, 2, 3]).result()


@flow
def child(number: int) -> int:
    return double(number)


@flow
def parent() -> int:
    """Runs a subflow."""
    return child(21)


@task(retries=1, retry_delay_seconds=1)
def break_down(number: int) -> int:
    raise ValueError(f"broken on purpose, at {number}")


@flow
def fails() -> None:
    """A task succeeds, one fails after a retry, and one never runs because of it."""
    double.submit(break_down.submit(add.submit(1, 2))).result()


@flow
def scheduled() -> None:
    """Does nothing, by three kinds of schedule."""


if __name__ == "__main__":
    serve(
        sums.to_deployment("manual", tags=["sales"], description="Started by people only"),
        mapped.to_deployment("manual"),
        parent.to_deployment("manual"),
        fails.to_deployment("manual"),
        scheduled.to_deployment("by-cron", schedule=Cron("30 5 * * 1-5", timezone="Europe/Berlin")),
        scheduled.to_deployment("by-interval", interval=timedelta(days=1)),
        scheduled.to_deployment(
            "by-rrule",
            schedule=RRule("FREQ=WEEKLY;BYDAY=MO;BYHOUR=6;BYMINUTE=0", timezone="Europe/Berlin"),
        ),
        scheduled.to_deployment("paused", cron="0 0 * * *", paused=True),
        pause_on_shutdown=False,
    )
