"""Runs of a simulated Airflow: what a pass asks for, and that it loses nothing."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import RunKey
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.airflow import AirflowOrchestrator
from meta_orch.orchestrators.base import ServerFailed, UnexpectedAnswer
from meta_orch_tests.orchestrators.airflow.servers import adapter_for, adapter_in_memory
from meta_orch_tests.orchestrators.airflow.simulated import MINUTE, NOON, SimulatedAirflow
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

RUNS = "/api/v2/dags/~/dagRuns"
BATCH = "/api/v2/dags/~/dagRuns/~/taskInstances/list"
DAY_BEFORE = NOON - timedelta(days=1)

Seen = dict[tuple[str, str], str]
"""Native states by DAG and run."""


@dataclass
class Collector:
    """Keeps what it reads, and the cursor."""

    airflow: AirflowOrchestrator
    cursor: str | None = None
    since: datetime = DAY_BEFORE
    seen: Seen = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def read(self, *, pages: int | None = None, open_runs: Iterable[RunKey] = ()) -> list[Changes]:
        read: list[Changes] = []
        for page in self.airflow.read_changes(self.cursor, list(open_runs), since=self.since):
            self.seen |= {
                (run.key.pipeline.name, run.key.run_id): run.native_state for run in page.runs
            }
            self.gone |= {run.run_id for run in page.gone}
            self.cursor = page.cursor
            read.append(page)
            if len(read) == pages:
                break
        return read


def states(airflow: SimulatedAirflow) -> Seen:
    return {(run.dag_id, run.run_id): run.state for run in airflow.runs}


@pytest.fixture(params=[True, False], ids=["by cursor", "by offset"])
def airflow(request: pytest.FixtureRequest) -> SimulatedAirflow:
    return SimulatedAirflow(has_cursors=request.param)


# How much is asked.


def test_a_quiet_tick_takes_three_requests(airflow: SimulatedAirflow) -> None:
    for number in range(250):
        airflow.add_dag(f"dag_{number}")
        airflow.end(airflow.start(f"dag_{number}"))
    with LoopbackServer(airflow.answer) as server, adapter_for(server) as adapter:
        collector = Collector(adapter)
        collector.read()
        airflow.now += 10 * MINUTE
        collector.read()
        before = len(server.requests)
        adapter.read_fingerprint()
        (page,) = collector.read()
        assert page.runs == ()
        assert len(server.requests) - before == 3


def test_each_page_is_asked_for_once(airflow: SimulatedAirflow) -> None:
    for _ in range(25):
        airflow.end(airflow.start())
    with LoopbackServer(airflow.answer) as server, adapter_for(server, page_size=10) as adapter:
        pages = Collector(adapter, since=airflow.now - MINUTE).read()
        asked = [r for r in server.asked_for(RUNS) if ("state", "running") not in r.query]
        # By offset, each page repeats five rows of the one before.
        assert len(asked) == (3 if airflow.has_cursors else 4)
        assert len({run.key for page in pages for run in page.runs}) == 25


def test_the_task_instances_of_many_runs_are_asked_for_at_once() -> None:
    airflow = SimulatedAirflow()
    for number in range(9):
        airflow.start("orders", f"run_{number}")
        airflow.start("refunds", f"run_{number}")
    airflow.start("refunds", "not_asked_for")
    with LoopbackServer(airflow.answer) as server:
        with adapter_for(server, exclude=["refunds"]) as adapter:
            (page, *_) = Collector(adapter).read()
            assert len(server.asked_for(BATCH)) == 1
    assert len(page.task_runs) == 18
    assert {task_run.run.pipeline.name for task_run in page.task_runs} == {"orders"}


def test_what_a_list_of_several_dags_gives_too_much_is_left_out() -> None:
    """The list takes DAGs and run ids, and gives every pair of them."""
    airflow = SimulatedAirflow()
    airflow.end(airflow.start("refunds", "run_1"))
    airflow.now += 60 * MINUTE
    for number in range(1, 11):
        airflow.start("orders", f"run_{number}")
    airflow.start("refunds", "run_2")
    with LoopbackServer(airflow.answer) as server, adapter_for(server) as adapter:
        reading = adapter.read_changes(None, (), since=airflow.now - MINUTE)
        page = next(iter(reading))
        asked = {run.key for run in page.runs}
        assert {task_run.run for task_run in page.task_runs} == asked
        assert len(page.task_runs) == 22


def test_where_the_list_fails_the_runs_are_read_one_by_one() -> None:
    """On SQLite it does while something else is being written, since it writes an audit entry."""
    airflow = SimulatedAirflow()
    for _ in range(20):
        airflow.start()

    def answer(request: Request) -> Reply:
        if request.path == BATCH:
            return Reply({"detail": {"reason": "Database error"}}, status=500)
        return airflow.answer(request)

    with LoopbackServer(answer) as server, adapter_for(server) as adapter:
        (page, *_) = Collector(adapter).read()
    assert len(page.task_runs) == 40


# Nothing is lost.

actions = st.lists(
    st.tuples(st.sampled_from(["start", "end", "clear", "delete", "wait"]), st.integers(0, 30)),
    max_size=6,
)


@given(
    has_cursors=st.booleans(),
    page_size=st.integers(2, 7),
    meanwhile=st.lists(actions, max_size=25),
    stops=st.lists(st.integers(1, 4), max_size=6),
)
def test_whatever_happens_while_pages_are_read_the_collector_ends_up_with_what_is_there(
    has_cursors: bool, page_size: int, meanwhile: list[list[tuple[str, int]]], stops: list[int]
) -> None:
    airflow = SimulatedAirflow(has_cursors=has_cursors)
    for _ in range(15):
        airflow.start()
    upcoming = iter(meanwhile)

    def live(request: Request) -> None:
        if request.path != RUNS:
            return
        for action, which in next(upcoming, ()):
            airflow.now += timedelta(seconds=20)
            act(airflow, action, which)

    airflow.before_each = live
    collector = Collector(adapter_in_memory(airflow.answer, page_size=page_size, connections=1))
    for pages in stops:
        collector.read(pages=pages)
    airflow.before_each = lambda _: None
    for _ in range(3):
        collector.read()
    there = states(airflow)
    assert {run: state for run, state in collector.seen.items() if run in there} == there


def act(airflow: SimulatedAirflow, action: str, which: int) -> None:
    if action == "start":
        airflow.start()
    elif action == "wait":
        airflow.now += 7 * MINUTE
    elif airflow.runs:
        run = airflow.runs[which % len(airflow.runs)]
        {"end": airflow.end, "clear": airflow.clear, "delete": airflow.delete}[action](run)


def test_a_run_that_was_updated_in_a_transaction_that_ended_late_is_seen(
    airflow: SimulatedAirflow,
) -> None:
    with LoopbackServer(airflow.answer) as server, adapter_for(server) as adapter:
        collector = Collector(adapter)
        began = airflow.now
        collector.read()
        airflow.now += 4 * MINUTE
        late = airflow.start(run_id="late")
        late.updated_at = began - 4 * MINUTE
        collector.read()
        assert ("orders", "late") in collector.seen


def test_a_place_that_the_server_does_not_know_lets_the_pass_begin_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    airflow = SimulatedAirflow()
    for _ in range(5):
        airflow.start()
    with LoopbackServer(airflow.answer) as server, adapter_for(server, page_size=2) as adapter:
        collector = Collector(adapter)
        collector.read(pages=1)
        assert collector.cursor is not None
        collector.cursor = collector.cursor.replace('"cursor": "2"', '"cursor": "of another kind"')
        collector.read()
        assert collector.seen == states(airflow)
    assert "Invalid cursor token" in caplog.text


@pytest.mark.parametrize("cursor", ["", "null", "{}", "[1]", '{"format": 99}', "\N{PILE OF POO}"])
def test_a_cursor_of_another_version_lets_reading_begin_anew(
    cursor: str, caplog: pytest.LogCaptureFixture
) -> None:
    airflow = SimulatedAirflow()
    airflow.start()
    with LoopbackServer(airflow.answer) as server, adapter_for(server) as adapter:
        collector = Collector(adapter, cursor)
        with caplog.at_level(logging.WARNING):
            collector.read()
        assert collector.seen == states(airflow)
    assert "the cursor cannot be read, so runs are read anew since 2026-03-01" in caplog.text


# Much at once.


def spread(airflow: SimulatedAirflow, count: int) -> None:
    """Runs that ended one after the other in the last day."""
    airflow.now -= timedelta(hours=23)
    for _ in range(count):
        airflow.end(airflow.start())
        airflow.now += timedelta(hours=23) / count


def test_what_is_new_is_read_before_what_is_old_and_the_newest_of_that_first(
    airflow: SimulatedAirflow,
) -> None:
    spread(airflow, 40)
    adapter = adapter_in_memory(airflow.answer, page_size=3, connections=1)
    collector = Collector(adapter)
    collector.read(pages=6)
    airflow.start("orders", "new")
    (page, *_) = collector.read(pages=1)
    assert [run.key.run_id for run in page.runs] == ["new"]
    order = [run.key.run_id for page in collector.read() for run in page.runs]
    assert order.index("run_30") < order.index("run_1")
    assert collector.seen == states(airflow)


def test_it_says_how_far_back_history_is_still_to_be_read(airflow: SimulatedAirflow) -> None:
    spread(airflow, 40)
    adapter = adapter_in_memory(airflow.answer, page_size=3, connections=1)
    reached = [page.history_to for page in Collector(adapter).read()]
    assert reached[-1] is None
    instants = [instant for instant in reached if instant is not None]
    assert len(instants) > 10
    assert instants == sorted(instants, reverse=True)


def test_several_connections_read_history_at_once_and_lose_nothing(
    airflow: SimulatedAirflow,
) -> None:
    spread(airflow, 200)
    under_way = most = 0
    lock = threading.Lock()

    def answer(request: Request) -> Reply:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.002)
        with lock:
            under_way -= 1
            return airflow.answer(request)

    with LoopbackServer(answer) as server:
        with adapter_for(server, page_size=5, connections=3) as adapter:
            collector = Collector(adapter)
            for _ in range(4):
                collector.read(pages=9)
            collector.read()
    assert collector.seen == states(airflow)
    assert most == 3


def test_a_failure_while_history_is_read_is_raised_and_the_next_reading_goes_on(
    airflow: SimulatedAirflow,
) -> None:
    spread(airflow, 100)
    asked = itertools.count()

    def answer(request: Request) -> Reply:
        if request.path == RUNS and next(asked) == 12:
            return Reply({"detail": "broken"}, status=500)
        return airflow.answer(request)

    with LoopbackServer(answer) as server, adapter_for(server, page_size=5) as adapter:
        collector = Collector(adapter)
        with pytest.raises(ServerFailed, match="broken"):
            collector.read()
        before = len(collector.seen)
        collector.read()
    assert 0 < before < len(collector.seen)
    assert collector.seen == states(airflow)


# Tasks that change without their run.


def test_once_an_hour_a_task_that_changed_without_its_run_is_seen(
    airflow: SimulatedAirflow,
) -> None:
    run = airflow.start()
    airflow.end(run)
    collector = Collector(adapter_in_memory(airflow.answer, page_size=1))
    for _ in range(2):  # the overlap reads the run once more
        collector.read()
        airflow.now += 10 * MINUTE
    airflow.mark_tasks(run, "failed")
    pages = collector.read()
    assert not any(page.task_runs for page in pages)
    airflow.now += 60 * MINUTE
    states = {task_run.native_state for page in collector.read() for task_run in page.task_runs}
    assert states == {"failed"}
    airflow.now += 10 * MINUTE
    assert not any(page.task_runs for page in collector.read())


# What was deleted.


def keys(airflow: SimulatedAirflow, adapter: AirflowOrchestrator) -> list[RunKey]:
    pages = adapter.read_changes(None, (), since=DAY_BEFORE)
    return sorted({run.key for page in pages for run in page.runs})


def test_open_runs_that_stay_silent_are_looked_for_once_in_a_while(
    airflow: SimulatedAirflow,
) -> None:
    for _ in range(3):
        airflow.start()
    with LoopbackServer(airflow.answer) as server, adapter_for(server) as adapter:
        stored = keys(airflow, adapter)
        collector = Collector(adapter)
        collector.read(open_runs=stored)
        for _ in range(2):
            airflow.now += 10 * MINUTE
            collector.read(open_runs=stored)
        airflow.delete(airflow.runs[1])
        requests = []
        for _ in range(4):
            airflow.now += MINUTE
            before = len(server.requests)
            collector.read(open_runs=stored)
            requests.append(len(server.requests) - before)
        assert requests == [1, 1, 1, 1]
        assert collector.gone == set()
        airflow.now += MINUTE
        collector.read(open_runs=stored)
        assert collector.gone == {"run_2"}


def test_a_silent_run_that_ended_unseen_is_read_and_not_taken_for_deleted(
    airflow: SimulatedAirflow,
) -> None:
    run = airflow.start()
    with LoopbackServer(airflow.answer) as server, adapter_for(server) as adapter:
        stored = keys(airflow, adapter)
        collector = Collector(adapter)
        collector.read()
        airflow.now += 30 * MINUTE
        run.state, run.ended_at = "failed", airflow.now  # its `updated_at` as it was
        collector.read(open_runs=stored)
        assert collector.seen == {("orders", "run_1"): "failed"}
        assert collector.gone == set()


def test_a_run_of_a_pipeline_that_the_globs_leave_out_is_not_asked_for(
    airflow: SimulatedAirflow,
) -> None:
    airflow.start("hidden")
    with LoopbackServer(airflow.answer) as server:
        with adapter_for(server) as adapter:
            stored = keys(airflow, adapter)
        airflow.runs.clear()
        with adapter_for(server, exclude=["hid*"]) as adapter:
            collector = Collector(adapter)
            collector.read(open_runs=stored)
            assert collector.gone == set()


# What cannot be read.


def test_a_state_that_is_not_known_is_kept_and_taken_for_no_end() -> None:
    airflow = SimulatedAirflow()
    airflow.start().state = "hibernating"
    with LoopbackServer(airflow.answer) as server, adapter_for(server) as adapter:
        (page, *_) = adapter.read_changes(None, (), since=DAY_BEFORE)
    (run,) = page.runs
    assert (run.state, run.native_state) == (RunState.UNKNOWN, "hibernating")
    assert {task_run.state for task_run in page.task_runs} == {RunState.UNKNOWN}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dag_run_id": None}, "a DAG run has no dag_run_id"),
        ({"dag_id": ""}, "a DAG run has no dag_id"),
        ({"state": 7}, "state of a DAG run is a number where a text belongs"),
        ({"end_date": "yesterday"}, "end_date of a DAG run is a text where an ISO 8601 instant"),
    ],
)
def test_a_run_without_identity_or_with_a_time_that_is_none_is_an_error(
    change: dict[str, object], text: str
) -> None:
    airflow = SimulatedAirflow()
    airflow.start()

    def answer(request: Request) -> Reply:
        reply = airflow.answer(request)
        if request.path == RUNS:
            reply.body["dag_runs"][0].update(change)
        return reply

    with LoopbackServer(answer) as server, adapter_for(server) as adapter:
        with pytest.raises(UnexpectedAnswer, match=text):
            list(adapter.read_changes(None, (), since=DAY_BEFORE))


def test_an_answer_without_a_date_is_an_error_since_the_watermark_needs_it() -> None:
    def answer(request: Request) -> Reply:
        reply = SimulatedAirflow().answer(request)
        return Reply(reply.body, headers={"Date": "soon"}) if request.path == RUNS else reply

    with LoopbackServer(answer) as server, adapter_for(server) as adapter:
        with pytest.raises(UnexpectedAnswer, match="gave no Date header"):
            list(adapter.read_changes(None, (), since=DAY_BEFORE))
