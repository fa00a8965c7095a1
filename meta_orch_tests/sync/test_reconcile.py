"""Comparing the store with a server, and what becomes of what differs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import ListedRun, RunDetails
from meta_orch.domain.runs import RunKey
from meta_orch.domain.states import RunState
from meta_orch.domain.time import Window
from meta_orch.sync import NotComparable, Reconciliation, collect, reconcile
from meta_orch.sync.reconcile import compare
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run, make_task_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.store.memory import MemoryStore, fresh_store

LOOKBACK = timedelta(days=7)
Reconcile = Callable[..., Reconciliation]


class Counted(FakeOrchestrator):
    """Counts how often it is asked for what."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.listings: list[int] = []

    def list_ended_runs(self, pipelines: Any, ended: Window) -> Iterator[ListedRun]:
        self.listings.append(len(pipelines))
        return super().list_ended_runs(pipelines, ended)


@pytest.fixture
def server() -> Counted:
    """Ten pipelines with three runs each, of which the last ended an hour ago."""
    server = Counted(INSTANCE, now=NOON)
    for number in range(10):
        pipeline = server.add_pipeline(make_pipeline(f"pipeline_{number}"))
        for run in range(3):
            add_run(server, pipeline, f"run_{run}", hours=run + 1)
    return server


def add_run(server: FakeOrchestrator, pipeline: Pipeline, run_id: str, hours: float) -> RunKey:
    ended_at = NOON - timedelta(hours=hours)
    run = make_run(run_id, pipeline, started_at=ended_at, ended_at=ended_at)
    server.add_run(run, [make_task_run(run=run)])
    return run.key


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with fresh_store() as writer:
        yield MemoryStore(writer)


@pytest.fixture
def run(server: Counted, store: MemoryStore) -> Reconcile:
    """`run(repairs=False)`, after everything was read."""
    read(server, store)

    def run(**arguments: Any) -> Reconciliation:
        server.listings = []
        given = {"clock": lambda: server.now, "deadline": server.now + timedelta(hours=1)}
        return reconcile(server, store, **{**given, "lookback": LOOKBACK, **arguments})

    return run


def read(server: FakeOrchestrator, store: MemoryStore) -> None:
    collect(
        server,
        store,
        clock=lambda: server.now,
        deadline=server.now + timedelta(hours=1),
        lookback=LOOKBACK,
    )


def stored(store: MemoryStore) -> dict[tuple[str, str], str]:
    with store.read() as reader:
        rows = reader.answer("SELECT pipeline, run_id, state FROM runs").rows
    return {(pipeline, run_id): state for pipeline, run_id, state in rows}


def held(server: FakeOrchestrator) -> dict[tuple[str, str], str]:
    return {(run.key.pipeline.name, run.key.run_id): run.state.value for run in server.runs}


def lose(store: MemoryStore, run_id: str) -> None:
    with store.write() as writer:
        writer._connection.execute(
            "DELETE FROM run_record WHERE pipeline = 'pipeline_3' AND run_id = ?", [run_id]
        )
        writer._connection.execute("DELETE FROM task_run_record WHERE pipeline = 'pipeline_3'")


def key(pipeline: int, run_id: str) -> RunKey:
    return RunKey(PipelineKey(INSTANCE, f"pipeline_{pipeline}"), run_id)


def test_where_nothing_differs_counting_is_nearly_all(server: Counted, run: Reconcile) -> None:
    found = run(part=0.2)
    assert found.is_right
    assert (found.pipelines, found.runs, found.differing) == (10, 30, 0)
    assert sum(server.listings) == 2


def test_a_finished_run_that_was_deleted_there_is_deleted_here(
    server: Counted, store: MemoryStore, run: Reconcile
) -> None:
    server.delete(key(3, "run_1"))
    found = run(part=0)
    assert found.gone == [key(3, "run_1")]
    assert found.repaired == 1
    assert not found.is_right
    assert stored(store) == held(server)
    assert run(part=0).is_right


def test_a_run_that_was_lost_here_is_read_with_its_task_runs(
    server: Counted, store: MemoryStore, run: Reconcile
) -> None:
    lose(store, "run_1")
    assert run(part=0).missing == [key(3, "run_1")]
    assert stored(store) == held(server)
    with store.read() as reader:
        assert len(reader.task_runs(key(3, "run_1"))) == 1


def test_a_loss_and_a_deletion_that_cancel_out_are_found_in_turn(
    server: Counted, store: MemoryStore, run: Reconcile
) -> None:
    lose(store, "run_1")
    server.delete(key(3, "run_2"))
    nights = 0
    while stored(store) != held(server):
        run(part=0.2)
        nights += 1
        assert nights <= 5
    assert nights == 2  # the second fifth holds the third pipeline and the fourth


def test_a_state_that_was_edited_unseen_is_found(
    server: Counted, store: MemoryStore, run: Reconcile
) -> None:
    with store.write() as writer:
        writer._connection.execute(
            "UPDATE run_record SET native_state = 'x', state = 'failed' WHERE run_id = 'run_2'"
        )
    found = run(part=1)
    assert len(found.changed) == 10
    assert stored(store) == held(server)


def test_a_dry_run_finds_the_same_and_repairs_nothing(
    server: Counted, store: MemoryStore, run: Reconcile
) -> None:
    server.delete(key(3, "run_1"))
    before = stored(store)
    found = run(repairs=False)
    assert (found.gone, found.repaired) == ([key(3, "run_1")], 0)
    assert stored(store) == before


def test_what_ended_just_now_and_what_is_open_is_left_to_the_collector(
    server: Counted, run: Reconcile
) -> None:
    pipeline = server.pipeline("pipeline_3")
    add_run(server, pipeline, "just_now", hours=0.1)
    server.add_run(make_run("open", pipeline, RunState.RUNNING, started_at=NOON))
    assert run(part=1).is_right


def test_what_the_store_has_forgotten_or_never_read_is_not_missing(
    server: Counted, store: MemoryStore, run: Reconcile
) -> None:
    pipeline = server.pipeline("pipeline_3")
    add_run(server, pipeline, "before_the_lookback", hours=8 * 24)
    assert run(part=1).is_right
    lose(store, "run_2")
    assert run(part=1, keeps=timedelta(hours=2)).is_right
    assert not run(part=1).is_right


def test_what_the_server_drops_as_old_stays_in_the_store(
    server: Counted, store: MemoryStore, run: Reconcile
) -> None:
    for pipeline in range(10):
        server.delete(key(pipeline, "run_2"))  # they ended three hours ago
    before = stored(store)
    assert run(part=1, reach=timedelta(hours=2.5)).is_right
    assert stored(store) == before
    assert len(run(part=1, reach=timedelta(hours=4)).gone) == 10


def test_a_run_that_the_collector_reads_meanwhile_is_no_difference(
    server: Counted, store: MemoryStore, run: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = server.pipeline("pipeline_3")
    late = [add_run(server, pipeline, f"late_{number:02}", hours=1) for number in range(60)]
    ticks = count(1)

    def clock() -> datetime:
        return server.now + timedelta(seconds=next(ticks))

    def read_while_another_reads(runs: Collection[RunKey]) -> RunDetails:
        with store.write() as writer:
            last = FakeOrchestrator.read_runs(server, late[-1:])
            writer.save_details(INSTANCE, last, (), clock())
        return FakeOrchestrator.read_runs(server, runs)

    monkeypatch.setattr(server, "read_runs", read_while_another_reads)
    assert run(part=0, clock=clock).missing == late[:-1]
    assert stored(store) == held(server)


def test_without_time_it_says_that_it_is_not_complete(server: Counted, run: Reconcile) -> None:
    found = run(deadline=server.now)
    assert not found.is_complete
    assert not found.is_right


def test_a_store_that_is_still_being_filled_is_not_compared(store: MemoryStore) -> None:
    server = FakeOrchestrator(INSTANCE, now=NOON)
    with pytest.raises(NotComparable, match="has not been read to the end yet"):
        reconcile(server, store, clock=lambda: NOON, deadline=NOON, lookback=LOOKBACK)


listed = st.builds(
    ListedRun,
    st.builds(key, st.integers(0, 2), st.sampled_from("abc")),
    st.sampled_from(["success", "failed"]),
    st.sampled_from([NOON, NOON - timedelta(hours=1)]),
)
listings = st.lists(listed, unique_by=lambda run: run.key)


@settings(max_examples=100)
@given(listings, listings)
def test_a_difference_is_what_makes_one_list_of_the_other(
    server: list[ListedRun], store: list[ListedRun]
) -> None:
    difference = compare(server, store)
    there = {run.key: run for run in server}
    repaired = {run.key: run for run in store if run.key not in difference.gone}
    repaired |= {key: there[key] for key in difference.missing | difference.changed}
    assert repaired == there
    assert not difference.missing & difference.gone
    assert compare(server, server).runs == frozenset()
