"""What is worked out again, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from meta_orch.analytics.critical_paths.refreshing import Refreshed, refresh_critical_paths
from meta_orch.domain.pipelines import Pipeline, Task
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.states import RunState
from meta_orch.domain.time import Window
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run, make_task_run
from meta_orch_tests.store.memory import MemoryStore, fresh_store

TASKS = (Task("extract"), Task("load", upstream=("extract",)))
ORDERS = make_pipeline("orders", INSTANCE, tasks=TASKS)
REFUNDS = make_pipeline("refunds", INSTANCE, tasks=TASKS)
HOUR = timedelta(hours=1)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with fresh_store() as writer:
        store = MemoryStore(writer)
        catalogue(store, ORDERS, REFUNDS)
        yield store


def catalogue(store: MemoryStore, *pipelines: Pipeline) -> None:
    with store.write() as writer:
        writer.save_catalogue(INSTANCE, Catalogue(pipelines, f"{len(pipelines)}"), NOON)


def ran(
    store: MemoryStore,
    pipeline: Pipeline,
    number: int,
    *,
    extract: float = 10,
    state: RunState = RunState.SUCCEEDED,
) -> None:
    """At the hour of that number: it extracts for so many minutes, and loads for five."""
    at = NOON + number * HOUR
    between, end = at + timedelta(minutes=extract), at + timedelta(minutes=extract + 5)
    run = make_run(f"run_{number}", pipeline, state, started_at=at, ended_at=end)
    tasks = (
        make_task_run("extract", run, started_at=at, ended_at=between, queued_at=None),
        make_task_run("load", run, started_at=between, ended_at=end, queued_at=None),
    )
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c", (run,), tasks), at)


def refresh(store: MemoryStore, *, runs: int = 30) -> Refreshed:
    return refresh_critical_paths(store, NOON + 99 * HOUR, runs=runs)


def paths(store: MemoryStore) -> list[tuple[object, ...]]:
    with store.read() as reader:
        return [
            *reader.answer(
                "SELECT pipeline, runs, makespan_seconds FROM critical_paths ORDER BY pipeline"
            ).rows
        ]


def test_each_pipeline_with_successful_runs_has_a_critical_path(store: MemoryStore) -> None:
    ran(store, ORDERS, 1)
    ran(store, ORDERS, 2, extract=20)
    ran(store, REFUNDS, 1, state=RunState.FAILED)
    ended = NOON + 2 * HOUR + timedelta(minutes=25)
    assert refresh(store) == Refreshed(pipelines=1, runs=2, window=Window(NOON + HOUR, ended))
    assert paths(store) == [("orders", 2, 20 * 60.0)]
    with store.read() as reader:
        tasks = reader.answer(
            "SELECT task, on_path, executed_seconds, slack_seconds, saves_seconds, runs "
            "FROM critical_path_tasks ORDER BY saves_seconds DESC"
        ).rows
        worst = reader.traces.worst(1)
    assert tasks == (
        ("extract", 1.0, 15 * 60.0, 0.0, 4.5 * 60, 2),
        ("load", 1.0, 5 * 60.0, 0.0, 1.5 * 60, 2),
    )
    assert worst == [(INSTANCE, "orders", "extract", 4.5 * 60, 20 * 60.0, 1.0, 2)]


def test_what_has_no_new_runs_is_not_looked_at_again(store: MemoryStore) -> None:
    ran(store, ORDERS, 1)
    ran(store, REFUNDS, 1)
    assert refresh(store).pipelines == 2
    assert refresh(store) == Refreshed(pipelines=0, runs=0, window=None)
    ran(store, ORDERS, 2)
    ended = NOON + 2 * HOUR + timedelta(minutes=15)
    assert refresh(store) == Refreshed(pipelines=1, runs=2, window=Window(NOON + HOUR, ended))
    assert [row[:2] for row in paths(store)] == [("orders", 2), ("refunds", 1)]


def test_only_the_last_runs_count(store: MemoryStore) -> None:
    ran(store, ORDERS, 1, extract=55)
    for number in (2, 3):
        ran(store, ORDERS, number)
    refresh(store, runs=2)
    assert paths(store) == [("orders", 2, 15 * 60.0)]


def test_a_pipeline_whose_tasks_are_not_known_is_looked_at_once(store: MemoryStore) -> None:
    run = make_run("run", ORDERS, started_at=NOON, ended_at=NOON + HOUR)
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c", (run,)), NOON)
    assert refresh(store) == Refreshed(pipelines=1, runs=0, window=Window(NOON, NOON + HOUR))
    assert refresh(store) == Refreshed(pipelines=0, runs=0, window=None)


def test_a_pipeline_that_is_gone_has_none(store: MemoryStore) -> None:
    ran(store, ORDERS, 1)
    refresh(store)
    catalogue(store, REFUNDS)
    assert refresh(store) == Refreshed(pipelines=0, runs=0, window=None)
    assert paths(store) == []
