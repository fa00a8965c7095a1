"""A company of a fortnight, in which everything that a report tells has happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from meta_orch.analytics.resources.measuring import days_to_measure, measure_days
from meta_orch.config import MetaOrchConfig
from meta_orch.domain.pipelines import Pipeline, Task
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, TaskRun
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.ticks import cron
from meta_orch.reports.collecting import collect_report
from meta_orch.reports.model import Period, Report
from meta_orch.reports.refreshing import refresh_all
from meta_orch.store import CollectorStatus
from meta_orch.testing.builders import make_pipeline, make_run, make_task_run
from meta_orch_tests.store.memory import MemoryStore, fresh_store

NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
CONFIG = MetaOrchConfig.model_validate(
    {
        "instances": [
            {"name": "airflow", "type": "airflow", "url": "http://airflow.test"},
            {"name": "prefect", "type": "prefect", "url": "http://prefect.test/api"},
        ],
        "edges": [{"upstream": "airflow/orders", "downstream": "prefect/report"}],
        "slas": [
            {"name": "by_five", "pipelines": "airflow/orders", "finish_by": "0 5 * * *"},
            {"name": "works", "pipelines": "prefect/sync", "succeeds": True},
        ],
        "resources": [
            {
                "name": "dwh",
                "capacity": 1,
                "uses": [{"pipelines": "*/orders"}, {"pipelines": "*/sync"}],
            }
        ],
        "analytics": {"solve_for": "1s", "stagger_by": "59m"},
    }
)
ORDERS = make_pipeline(
    "orders",
    "airflow",
    schedules=(cron("0 4 * * *"),),
    tasks=(Task("extract"), Task("load", upstream=("extract",))),
)
REPORT = make_pipeline("report", "prefect", schedules=(cron("30 5 * * *"),))
SYNC = make_pipeline("sync", "prefect", schedules=(cron("0 4 * * *"),))


def night(
    pipeline: Pipeline,
    at: datetime,
    minutes: float,
    state: RunState = RunState.SUCCEEDED,
    message: str | None = None,
) -> Run:
    return make_run(
        f"{at:%m%d}",
        pipeline,
        state,
        trigger=RunTrigger.SCHEDULE,
        scheduled_at=at,
        queued_at=at,
        started_at=at,
        ended_at=at + minutes * MINUTE,
        message=message,
    )


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """Each night at four orders take fifty minutes, and in the last two an hour and twenty; sync
    takes ten at the same time, and failed in the last; the report follows at half past five."""
    runs: list[Run] = []
    tasks: list[TaskRun] = []
    for number in range(14, 0, -1):
        four = NOW.replace(hour=4) - number * DAY
        orders = night(ORDERS, four, 80 if number <= 2 else 50)
        assert orders.ended_at is not None
        between = orders.ended_at - 10 * MINUTE
        tasks += [
            make_task_run(
                "extract", orders, queued_at=four, started_at=four, ended_at=between, queue="heavy"
            ),
            make_task_run(
                "load", orders, queued_at=between, started_at=between, ended_at=orders.ended_at
            ),
        ]
        failed = number == 1
        runs += [
            orders,
            night(
                SYNC,
                four,
                10,
                RunState.FAILED if failed else RunState.SUCCEEDED,
                "the API said | no" if failed else None,
            ),
            night(REPORT, four + 90 * MINUTE, 15),
        ]
    with fresh_store() as writer:
        for instance, pipelines in (("airflow", (ORDERS,)), ("prefect", (REPORT, SYNC))):
            writer.save_catalogue(instance, Catalogue(pipelines, "1"), NOW - 20 * DAY)
            own = tuple(run for run in runs if run.key.pipeline.instance == instance)
            of_own = tuple(t for t in tasks if t.run.pipeline.instance == instance)
            writer.save_changes(instance, Changes("c", own, of_own), NOW)
            writer.save_collector(CollectorStatus(instance, NOW, NOW, True, None, "3", NOW))
        store = MemoryStore(writer)
        measure_days(store, CONFIG, days_to_measure(store, CONFIG, NOW), NOW)
        refresh_all(store, CONFIG, NOW)
        yield store


@pytest.fixture
def daily(store: MemoryStore) -> Report:
    with store.read() as reader:
        return collect_report(reader, CONFIG, Period.DAY, NOW)


@pytest.fixture
def weekly(store: MemoryStore) -> Report:
    with store.read() as reader:
        return collect_report(reader, CONFIG, Period.WEEK, NOW)
