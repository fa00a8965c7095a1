"""What was in use and wanted, against counting second by second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.analytics.resources.measuring import days_to_measure, measure_days
from meta_orch.config import MetaOrchConfig
from meta_orch.config.models import ResourceConfig
from meta_orch.domain.pipelines import Pool, Task
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, TaskRun
from meta_orch.domain.states import RunState
from meta_orch.store import StoreWriter
from meta_orch.testing.builders import INSTANCE, make_pipeline, make_run, make_task_run
from meta_orch_tests.store.memory import MemoryStore, fresh_store

DAY = date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
LATER = MIDNIGHT + timedelta(days=3)
PIPELINES = [make_pipeline(name, INSTANCE) for name in ("orders", "refunds", "syncs")]
CONFIG = MetaOrchConfig(
    resources=(
        ResourceConfig.model_validate(
            {
                "name": "warehouse",
                "capacity": 3,
                "uses": [{"pipelines": "*/orders", "units": 2}, {"pipelines": "*/refunds"}],
            }
        ),
    )
)
UNITS = {"orders": 2, "refunds": 1}


def run(name: str, run_id: str, queued: float, started: float, ended: float | None) -> Run:
    """In seconds after midnight."""
    pipeline = next(p for p in PIPELINES if p.key.name == name)
    return make_run(
        run_id,
        pipeline,
        RunState.RUNNING if ended is None else RunState.SUCCEEDED,
        scheduled_at=MIDNIGHT + queued * SECOND,
        queued_at=MIDNIGHT + queued * SECOND,
        started_at=MIDNIGHT + started * SECOND,
        ended_at=None if ended is None else MIDNIGHT + ended * SECOND,
    )


def measured(writer: StoreWriter, runs: Sequence[Run], now: datetime = LATER) -> None:
    writer.save_catalogue(INSTANCE, Catalogue(tuple(PIPELINES), "1"), MIDNIGHT)
    writer.save_changes(INSTANCE, Changes("c", tuple(runs)), now)
    measure_days(MemoryStore(writer), CONFIG, [DAY], now)


def hours(writer: StoreWriter, kind: str, columns: str) -> list[tuple[object, ...]]:
    answer = writer.answer(
        f"SELECT extract('hour' FROM hour), {columns} FROM resource_hours "  # noqa: S608  # ours
        f"WHERE kind = '{kind}' ORDER BY resource, hour"
    )
    return [*answer.rows]


def test_an_hour_has_its_peaks_and_what_was_in_use_queued_and_too_much() -> None:
    with fresh_store() as writer:
        measured(
            writer,
            [
                run("orders", "a", 3600, 3600, 3600 + 1800),
                run("orders", "b", 3600 + 900, 3600 + 1200, 3600 + 3600 + 60),
                run("syncs", "c", 3600, 3600, 3600 + 60),  # uses no warehouse
            ],
        )
        assert hours(
            writer,
            "shared",
            "capacity, peak_running, peak_wanted, running_unit_seconds, queued_unit_seconds, "
            "excess_unit_seconds, saturated_seconds",
        ) == [
            # Two of two units: b queued from a quarter past, and ran from twenty past until half.
            (1, 3, 4, 4, 2 * 1800 + 2 * 2400, 2 * 300, 900, 900),
            (2, 3, 2, 2, 2 * 60, 0, 0, 0),
        ]
        assert hours(writer, "orchestrator", "capacity, peak_running") == [
            (1, None, 2),
            (2, None, 1),
        ]


def test_a_run_goes_on_until_now_and_over_midnight() -> None:
    now = MIDNIGHT + 26 * HOUR
    with fresh_store() as writer:
        measured(writer, [run("orders", "a", 23 * 3600, 23 * 3600, None)], now)
        measure_days(MemoryStore(writer), CONFIG, [DAY + timedelta(days=1)], now)
        answer = writer.answer(
            "SELECT hour, running_unit_seconds FROM resource_hours "
            "WHERE kind = 'shared' ORDER BY hour"
        )
        assert answer.rows == tuple((MIDNIGHT + number * HOUR, 7200) for number in (23, 24, 25))


def test_a_pool_is_used_by_attempts_and_a_shared_one_by_what_takes_its_slots() -> None:
    config = MetaOrchConfig(
        resources=(
            ResourceConfig.model_validate(
                {"name": "warehouse", "capacity": 4, "uses": [{"pool": "*/db", "units": 3}]}
            ),
        )
    )
    orders = run("orders", "a", 0, 0, 3600)

    def task(name: str, attempt: int, start: float, end: float, slots: int = 1) -> TaskRun:
        return make_task_run(
            name,
            orders,
            attempt=attempt,
            pool="db",
            slots=slots,
            queued_at=MIDNIGHT + start * SECOND,
            started_at=MIDNIGHT + start * SECOND,
            ended_at=MIDNIGHT + end * SECOND,
        )

    tasks = (task("load", 1, 0, 600), task("load", 2, 900, 1200), task("mail", 1, 1000, 1500, 2))
    with fresh_store() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((PIPELINES[0],), "1"), MIDNIGHT)
        writer.save_pools(INSTANCE, [Pool(INSTANCE, "db", 1)], MIDNIGHT)
        writer.save_changes(INSTANCE, Changes("c", (orders,), tasks), LATER)
        measure_days(MemoryStore(writer), config, [DAY], LATER)
        columns = "capacity, peak_running, running_unit_seconds, excess_unit_seconds"
        # Three slots from 1000 to 1200, two until 1500.
        assert hours(writer, "pool", columns) == [(0, 1, 3, 1900, 2 * 200 + 300)]
        assert hours(writer, "shared", columns) == [(0, 4, 9, 3 * 1900, 5 * 200 + 2 * 300)]


def test_a_work_pool_of_prefect_is_used_by_whole_runs() -> None:
    flow = make_pipeline(
        "orders", INSTANCE, orchestrator="prefect", tasks=(Task("load", pool="k8s"),)
    )
    whole = run("orders", "a", 0, 60, 3600)
    tasks = [make_task_run(f"t{number}", whole, pool="k8s") for number in range(5)]
    with fresh_store() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((flow,), "1"), MIDNIGHT)
        writer.save_changes(INSTANCE, Changes("c", (whole,), tuple(tasks)), LATER)
        measure_days(MemoryStore(writer), CONFIG, [DAY], LATER)
        assert hours(writer, "pool", "peak_running, running_unit_seconds, queued_unit_seconds") == [
            (0, 1, 3540, 60)
        ]


def test_a_queue_of_airflow_is_used_by_attempts_and_one_of_prefect_by_whole_runs() -> None:
    dag = run("refunds", "a", 0, 0, 3600)
    attempt = make_task_run(
        "load",
        dag,
        queue="spark",
        pool=None,
        queued_at=MIDNIGHT,
        started_at=MIDNIGHT + 100 * SECOND,
        ended_at=MIDNIGHT + 400 * SECOND,
    )
    flow = make_pipeline("orders", INSTANCE, orchestrator="prefect")
    whole = replace(run("orders", "a", 0, 60, 3600), queue="k8s/fast")
    with fresh_store() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((PIPELINES[1], flow), "1"), MIDNIGHT)
        writer.save_changes(INSTANCE, Changes("c", (dag, whole), (attempt,)), LATER)
        measure_days(MemoryStore(writer), CONFIG, [DAY], LATER)
        columns = "resource, capacity, peak_running, running_unit_seconds, queued_unit_seconds"
        assert hours(writer, "queue", columns) == [
            (0, f"{INSTANCE}/k8s/fast", None, 1, 3540, 60),
            (0, f"{INSTANCE}/spark", None, 1, 300, 100),
        ]
        assert hours(writer, "pool", columns) == []


def test_a_limit_counts_from_when_it_was_first_read_so() -> None:
    spans = [run("orders", "a", 0, 0, 7200)]
    tasks = [
        make_task_run(
            "load",
            spans[0],
            pool="db",
            queued_at=MIDNIGHT,
            started_at=MIDNIGHT,
            ended_at=MIDNIGHT + 2 * HOUR,
        )
    ]
    with fresh_store() as writer:
        for minutes, slots in ((0, 8), (10, 8), (90, 4)):
            writer.save_pools(INSTANCE, [Pool(INSTANCE, "db", slots)], MIDNIGHT + minutes * MINUTE)
        assert writer.answer("SELECT slots FROM pool_settings ORDER BY since").rows == ((8,), (4,))
        writer.save_catalogue(INSTANCE, Catalogue((PIPELINES[0],), "1"), MIDNIGHT)
        writer.save_changes(INSTANCE, Changes("c", tuple(spans), tuple(tasks)), LATER)
        measure_days(MemoryStore(writer), CONFIG, [DAY], LATER)
        assert hours(writer, "pool", "capacity") == [(0, 8), (1, 8)]


def test_a_day_is_measured_again_only_when_there_is_news_of_it() -> None:
    with fresh_store() as writer:
        store = MemoryStore(writer)
        yesterday, today = LATER.date() - timedelta(days=1), LATER.date()
        measured(writer, [run("orders", "a", 0, 0, 60)])
        assert days_to_measure(store, CONFIG, LATER + MINUTE) == ()
        old = run("orders", "b", 23 * 3600, 23 * 3600, 49 * 3600)
        writer.save_changes(INSTANCE, Changes("d", (old,)), LATER + 2 * MINUTE)
        due = days_to_measure(store, CONFIG, LATER + 3 * MINUTE)
        assert due == (yesterday, DAY + timedelta(days=1), DAY)[: len(due)]
        assert due[-1] == DAY
        measure_days(store, CONFIG, due, LATER + 4 * MINUTE)
        assert days_to_measure(store, CONFIG, LATER + 5 * MINUTE) == ()
        # Other uses are other figures.
        assert days_to_measure(store, MetaOrchConfig(), LATER + 5 * MINUTE) == due
        # What goes on today is measured as often as asked.
        going_on = run("orders", "c", 72 * 3600, 72 * 3600, None)
        writer.save_changes(INSTANCE, Changes("e", (going_on,)), LATER + 6 * MINUTE)
        measure_days(store, CONFIG, [today], LATER + 7 * MINUTE)
        assert days_to_measure(store, CONFIG, LATER + 8 * MINUTE) == (today,)


spans = st.tuples(
    st.sampled_from(["orders", "refunds"]),
    st.integers(0, 4 * 3600),
    st.integers(0, 1800),
    st.integers(0, 5000),
)


@settings(max_examples=40)
@given(st.lists(spans, min_size=1, max_size=12))
def test_it_is_what_counting_each_second_gives(
    found: list[tuple[str, int, int, int]],
) -> None:
    runs = [
        run(name, f"r{number}", queued, queued + waits, queued + waits + takes)
        for number, (name, queued, waits, takes) in enumerate(found)
    ]
    running: defaultdict[int, int] = defaultdict(int)
    queued_for: defaultdict[int, int] = defaultdict(int)
    used: defaultdict[str, int] = defaultdict(int)
    for name, queued, waits, takes in found:
        used[name] += UNITS[name] * takes
        for second in range(queued, queued + waits):
            queued_for[second] += UNITS[name]
        for second in range(queued + waits, queued + waits + takes):
            running[second] += UNITS[name]
    expected = []
    for hour in range(6):
        seconds = range(hour * 3600, (hour + 1) * 3600)
        wanted = [running[second] + queued_for[second] for second in seconds]
        if max(wanted) > 0:
            expected.append(
                (
                    hour,
                    max(running[second] for second in seconds),
                    max(wanted),
                    sum(running[second] for second in seconds),
                    sum(queued_for[second] for second in seconds),
                    sum(max(0, level - 3) for level in wanted),
                    sum(level > 3 for level in wanted),
                )
            )
    with fresh_store() as writer:
        measured(writer, runs)
        got = hours(
            writer,
            "shared",
            "peak_running, peak_wanted, running_unit_seconds, queued_unit_seconds, "
            "excess_unit_seconds, saturated_seconds",
        )
        users = writer.measurements.users("shared", "warehouse", DAY)
    assert got == [tuple(pytest.approx(value) for value in row) for row in expected]
    assert {row[1]: row[2] for row in users if row[2]} == {n: s for n, s in used.items() if s}
    # Whoever had it in use while more was wanted had no more than was in use then.
    saturated = {second for second in running if running[second] + queued_for[second] > 3}
    assert sum(row[4] for row in users) == pytest.approx(sum(running[s] for s in saturated))
