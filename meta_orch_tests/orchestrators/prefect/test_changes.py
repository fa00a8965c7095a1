"""How runs are read from Prefect: each once or more, none lost, few requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch.orchestrators.prefect.changes import OVERLAP, PAGE_SIZE, SETTLING
from meta_orch_tests.orchestrators.prefect.conftest import adapter_for
from meta_orch_tests.orchestrators.prefect.server import PrefectInMemory, Row
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Stored:
    """What a store would hold after the pages that it was given."""

    cursor: str | None = None

    def __post_init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.task_runs: dict[str, Any] = {}
        self.gone: set[RunKey] = set()

    def keep(self, pages: Iterable[Changes]) -> list[Changes]:
        kept = []
        for page in pages:
            self.runs |= {run.key.run_id: run for run in page.runs}
            self.task_runs |= {task.task_run_id: task for task in page.task_runs}
            self.gone |= set(page.gone)
            for key in page.gone:
                self.runs.pop(key.run_id, None)
            self.cursor = page.cursor
            kept.append(page)
        return kept

    def open_runs(self) -> list[RunKey]:
        return [run.key for run in self.runs.values() if not run.state.is_terminal]

    def read(self, prefect: PrefectOrchestrator, since: datetime = LONG_AGO) -> list[Changes]:
        return self.keep(prefect.read_changes(self.cursor, self.open_runs(), since=since))


class Gauge:
    """An answerer that notes how many requests were under way at once."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self._answer = answer
        self._lock = Lock()
        self._now = self.most = 0

    def __call__(self, request: Request) -> Reply:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.01)
        try:
            return self._answer(request)
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def small_pages(server: LoopbackServer) -> Iterator[PrefectOrchestrator]:
    with adapter_for(server, page_size=50) as adapter:
        yield adapter


def begun(rows: PrefectInMemory) -> set[str]:
    return {
        run["id"] for run in rows.rows["flow_runs"].values() if run["state_type"] != "SCHEDULED"
    }


def add_finished(rows: PrefectInMemory, count: int, **fields: Any) -> list[Row]:
    """Runs that ended one second apart, the first of them now."""
    return [
        rows.add_run(
            "sums/manual",
            number,
            start_time=(rows.now - timedelta(seconds=number + 5)).isoformat(),
            end_time=(rows.now - timedelta(seconds=number)).isoformat(),
            **fields,
        )
        for number in range(count)
    ]


def finished_in(pages: list[Changes]) -> set[str]:
    return {run.key.run_id for page in pages for run in page.runs if run.state.is_terminal}


def test_the_first_pass_reads_every_run_that_has_begun_with_its_task_runs(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    stored.read(prefect)
    assert set(stored.runs) == begun(rows)
    assert set(stored.task_runs) == set(rows.rows["task_runs"])


def test_a_run_is_read_whole(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    stored.read(prefect)
    sums = [run for run in stored.runs.values() if run.key.pipeline.name == "sums/manual"]
    by_state = {run.state: run for run in sums}
    run = by_state[RunState.SUCCEEDED]
    row = rows.rows["flow_runs"][run.key.run_id]
    assert run.native_state == "Completed"
    assert run.trigger is RunTrigger.MANUAL
    assert run.parameters == {"api_key": "***"}
    assert run.started_at == parse_instant(row["start_time"])
    assert run.ended_at == parse_instant(row["end_time"])
    assert run.url is not None
    assert run.url.endswith(f"/runs/flow-run/{row['id']}")
    assert by_state[RunState.FAILED].message == "by hand"


def test_a_run_waits_in_a_work_queue_of_its_pool(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    row = rows.add_run("sums/manual", work_pool_name="k8s", work_queue_name="fast")
    stored.read(prefect)
    queues = {run.key.run_id: run.queue for run in stored.runs.values()}
    assert queues.pop(row["id"]) == "k8s/fast"
    assert set(queues.values()) == {None}


def test_a_subflow_run_names_the_run_that_started_it(
    prefect: PrefectOrchestrator, stored: Stored
) -> None:
    stored.read(prefect)
    child = next(run for run in stored.runs.values() if run.key.pipeline.name == "child")
    assert child.trigger is RunTrigger.PARENT
    assert child.parent_run_id is not None
    assert stored.runs[child.parent_run_id].key.pipeline.name == "parent/manual"
    stand_in = next(task for task in stored.task_runs.values() if task.child_run_id)
    assert stand_in.child_run_id == child.key.run_id


def test_a_task_whose_upstream_failed_has_ended(
    prefect: PrefectOrchestrator, stored: Stored
) -> None:
    stored.read(prefect)
    states = {task.task: (task.state, task.native_state) for task in stored.task_runs.values()}
    assert states["after"] == (RunState.UPSTREAM_FAILED, "NotReady")


def test_runs_that_are_planned_for_later_are_no_runs_yet(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    planned = [r for r in rows.rows["flow_runs"].values() if r["state_type"] == "SCHEDULED"]
    assert planned
    stored.read(prefect)
    assert not set(stored.runs) & {run["id"] for run in planned}


def test_a_planned_run_that_is_canceled_never_began(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    """Though Prefect says when: gates would take the tick that it was for as begun."""
    planned = rows.add_run(
        "sums/manual",
        state_type="SCHEDULED",
        expected_start_time=(rows.now + timedelta(hours=1)).isoformat(),
        start_time=None,
        end_time=None,
        run_count=0,
    )
    rows.set_state(planned, "CANCELLED")
    stored.read(prefect)
    run = stored.runs[planned["id"]]
    assert (run.state, run.started_at) == (RunState.CANCELED, None)
    assert run.ended_at is not None


def test_a_planned_run_that_is_due_is_queued(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    due = rows.add_run(
        "sums/manual",
        state_type="SCHEDULED",
        state_name="Late",
        start_time=None,
        end_time=None,
        next_scheduled_start_time=(rows.now - timedelta(seconds=20)).isoformat(),
    )
    stored.read(prefect)
    assert stored.runs[due["id"]].state is RunState.QUEUED
    assert stored.runs[due["id"]].native_state == "Late"


def test_runs_that_ended_before_the_lookback_are_left_out(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    old, new = add_finished(rows, 2)
    old["end_time"] = (rows.now - timedelta(days=8)).isoformat()
    stored.read(prefect, since=rows.now - timedelta(days=7))
    assert new["id"] in stored.runs
    assert old["id"] not in stored.runs


def test_a_quiet_pass_is_one_page_and_two_requests(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, server: LoopbackServer, stored: Stored
) -> None:
    stored.read(prefect)
    rows.advance(2 * SETTLING)
    stored.read(prefect)
    rows.advance(2 * SETTLING)
    server.requests.clear()
    pages = stored.read(prefect)
    assert [(page.runs, page.task_runs, page.gone) for page in pages] == [((), (), ())]
    assert [request.path for request in server.requests] == [
        "/api/flow_runs/filter",
        "/api/events/filter",
    ]


def test_a_new_connection_asks_for_one_csrf_token(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, server: LoopbackServer, stored: Stored
) -> None:
    stored.read(prefect)
    rows.advance(2 * SETTLING)
    stored.read(prefect)
    server.requests.clear()
    with adapter_for(server) as another:
        stored.read(another)
    assert [request.path for request in server.requests] == [
        "/api/health",  # what is due is told by the server's clock
        "/api/csrf-token",  # before the first of those that may change something
        "/api/flow_runs/filter",
        "/api/events/filter",
    ]


def test_a_pass_that_repeats_gives_the_same_runs(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    stored.read(prefect)
    before = dict(stored.runs)
    stored.cursor = None
    stored.read(prefect)
    assert stored.runs == before


def test_a_run_is_followed_from_its_start_to_its_end(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    stored.read(prefect)
    run = rows.add_run("sums/manual", state_type="PENDING", start_time=None, end_time=None)
    seen = []
    for state_type in ("PENDING", "RUNNING", "PAUSED", "RUNNING", "CANCELLING", "CANCELLED"):
        rows.set_state(run, state_type)
        rows.advance(timedelta(seconds=30))
        stored.read(prefect)
        seen.append(stored.runs[run["id"]].state)
    assert seen == [
        RunState.QUEUED,
        RunState.RUNNING,
        RunState.WAITING,
        RunState.RUNNING,
        RunState.CANCELING,
        RunState.CANCELED,
    ]


def test_a_run_that_waits_to_be_retried_is_followed_though_it_is_planned_for_later(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    run = rows.add_run("fails/manual", state_type="RUNNING", end_time=None)
    stored.read(prefect)
    rows.set_state(run, "SCHEDULED", "AwaitingRetry")
    run["next_scheduled_start_time"] = (rows.now + timedelta(hours=1)).isoformat()
    stored.read(prefect)
    assert stored.runs[run["id"]].state is RunState.RETRYING


def test_an_open_run_that_was_deleted_is_gone_once(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    run = rows.add_run("sums/manual", state_type="RUNNING", end_time=None)
    stored.read(prefect)
    key = stored.runs[run["id"]].key
    del rows.rows["flow_runs"][run["id"]]
    assert [page.gone for page in stored.read(prefect)][-2:] == [(key,), ()]
    assert all(page.gone == () for page in stored.read(prefect))


def test_an_open_run_whose_deployment_was_deleted_ends_under_its_old_name(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    run = rows.add_run("sums/manual", state_type="RUNNING", end_time=None)
    stored.read(prefect)
    del rows.rows["deployments"][run["deployment_id"]]
    rows.set_state(run, "CRASHED")
    stored.read(prefect)
    assert stored.runs[run["id"]].key.pipeline.name == "sums/manual"
    assert stored.runs[run["id"]].state is RunState.FAILED
    assert stored.runs[run["id"]].native_state == "Crashed"


def test_runs_of_a_deployment_that_is_no_more_have_no_pipeline_and_are_left_out(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    (run,) = add_finished(rows, 1)
    del rows.rows["deployments"][run["deployment_id"]]
    stored.read(prefect)
    assert run["id"] not in stored.runs


def test_a_finished_run_that_is_set_to_another_end_by_hand_is_noticed(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    (run,) = add_finished(rows, 1)
    rows.advance(timedelta(hours=1))
    stored.read(prefect)
    rows.advance(timedelta(hours=1))
    rows.set_state(run, "FAILED")
    stored.read(prefect)
    assert stored.runs[run["id"]].state is RunState.FAILED
    assert stored.runs[run["id"]].ended_at == parse_instant(run["end_time"])


def test_edits_are_noticed_however_many_came_at_once(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    runs = add_finished(rows, 130)
    rows.advance(timedelta(hours=1))
    stored.read(prefect)
    rows.advance(timedelta(hours=1))
    for run in runs:
        rows.advance(timedelta(milliseconds=10))
        rows.set_state(run, "CRASHED")
    stored.read(prefect)
    assert {stored.runs[run["id"]].state for run in runs} == {RunState.FAILED}


def test_an_edit_whose_event_was_lost_is_found_within_a_day(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    (run,) = add_finished(rows, 1)
    stored.read(prefect)
    rows.advance(timedelta(hours=6))
    stored.read(prefect)
    rows.advance(timedelta(hours=6))
    rows.set_state(run, "FAILED")
    rows.rows["events"].clear()
    rows.advance(timedelta(hours=6))
    stored.read(prefect)
    assert stored.runs[run["id"]].state is RunState.SUCCEEDED
    rows.advance(timedelta(hours=7))
    stored.read(prefect)
    assert stored.runs[run["id"]].state is RunState.FAILED


def test_task_runs_that_arrive_after_the_end_are_read_once_they_settled(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    (run,) = add_finished(rows, 1)
    stored.read(prefect)
    rows.advance(2 * OVERLAP)
    stored.read(prefect)
    like = next(iter(rows.rows["task_runs"].values()))
    rows.rows["task_runs"]["late"] = {**like, "id": "late", "flow_run_id": run["id"]}
    rows.advance(OVERLAP)
    stored.read(prefect)
    assert "late" not in stored.task_runs
    rows.advance(SETTLING)
    stored.read(prefect)
    assert stored.task_runs["late"].run.run_id == run["id"]


def test_of_an_active_run_only_the_task_runs_that_changed_are_read(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    run = rows.add_run("mapped/manual", state_type="RUNNING", end_time=None)
    like = next(iter(rows.rows["task_runs"].values()))
    hour_ago = (rows.now - timedelta(hours=1)).isoformat()
    for name, state, end in (("done", "COMPLETED", hour_ago), ("busy", "RUNNING", None)):
        rows.rows["task_runs"][name] = {
            **like,
            "id": name,
            "flow_run_id": run["id"],
            "state_type": state,
            "end_time": end,
        }
    first = {task.task_run_id for page in stored.read(prefect) for task in page.task_runs}
    second = {task.task_run_id for page in stored.read(prefect) for task in page.task_runs}
    assert {"done", "busy"} <= first
    assert "busy" in second
    assert "done" not in second


@pytest.mark.parametrize("spread", ["apart", "at one instant"])
def test_a_backlog_is_read_whole_page_by_page(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored, spread: str
) -> None:
    runs = add_finished(rows, 450)
    if spread == "at one instant":
        for run in runs:
            run["end_time"] = rows.now.isoformat()
    pages = stored.read(prefect)
    assert {run["id"] for run in runs} <= set(stored.runs)
    assert len(pages) > 450 / PAGE_SIZE
    assert max(len(page.runs) for page in pages) <= PAGE_SIZE


def test_a_backlog_of_active_runs_is_read_whole(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    runs = [
        rows.add_run("sums/manual", number, state_type="RUNNING", end_time=None)
        for number in range(120)
    ]
    stored.read(prefect)
    assert {run["id"] for run in runs} <= set(stored.runs)


@pytest.mark.parametrize("stop_after", range(1, 8))
def test_a_pass_that_stops_after_any_page_goes_on_from_there_and_loses_nothing(
    small_pages: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored, stop_after: int
) -> None:
    runs = add_finished(rows, 260)
    runs += [
        rows.add_run("sums/manual", number, state_type="RUNNING", end_time=None)
        for number in range(70)
    ]
    pages = small_pages.read_changes(None, (), since=LONG_AGO)
    first = stored.keep(page for page, _ in zip(pages, range(stop_after), strict=False))
    assert set(stored.runs) != begun(rows)
    second = stored.read(small_pages)
    assert set(stored.runs) == begun(rows)
    # One run stands at the boundary. The second reading begins with what is new, and with the
    # overlap. Open runs are asked for again: their end may be the change.
    overlap_began = (rows.now - OVERLAP - timedelta(seconds=5)).isoformat()
    again = finished_in(first) & finished_in(second)
    assert len([r for r in runs if r["id"] in again and r["end_time"] < overlap_began]) <= 1


def test_what_is_new_shows_before_the_rest_of_a_long_history(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    history = add_finished(rows, 700)
    pages = prefect.read_changes(None, (), since=LONG_AGO)
    stored.keep(page for page, _ in zip(pages, range(4), strict=False))
    assert not {run["id"] for run in history} <= set(stored.runs)
    rows.advance(timedelta(minutes=10))
    (new,) = add_finished(rows, 1)
    first, *others = stored.read(prefect)
    assert new["id"] in {run.key.run_id for run in first.runs}
    assert others
    assert set(stored.runs) == begun(rows)


def test_history_is_read_newest_first(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    add_finished(rows, 700)
    pages = stored.read(prefect)
    ends = [run.ended_at for page in pages for run in page.runs if run.ended_at]
    assert ends == sorted(ends, reverse=True)


@pytest.mark.parametrize("connections", [1, 2, 4])
def test_no_more_requests_are_under_way_than_there_may_be_connections(
    rows: PrefectInMemory, stored: Stored, connections: int
) -> None:
    add_finished(rows, 450)
    under_way = Gauge(rows.answer)
    with (
        LoopbackServer(under_way) as server,
        adapter_for(server, connections=connections) as prefect,
    ):
        stored.read(prefect)
    assert set(stored.runs) == begun(rows)
    assert under_way.most <= connections
    assert (under_way.most > 1) is (connections > 1)


@settings(max_examples=15, deadline=None)
@given(
    ages=st.lists(st.integers(0, 20).map(lambda n: n * 20), min_size=1, max_size=40),
    stops=st.lists(st.integers(1, 4), max_size=6),
    page_size=st.integers(1, 7),
    connections=st.integers(1, 4),
)
def test_readings_that_stop_anywhere_lose_nothing_while_runs_go_on_ending(
    ages: list[int], stops: list[int], page_size: int, connections: int
) -> None:
    rows, stored = PrefectInMemory(), Stored()
    for age in ages:  # several at one instant
        rows.add_run("sums/manual", end_time=(rows.now - timedelta(seconds=age)).isoformat())
    with LoopbackServer(rows.answer) as server:
        for stop_after in stops:
            with adapter_for(server, page_size=page_size, connections=connections) as prefect:
                pages = prefect.read_changes(stored.cursor, stored.open_runs(), since=LONG_AGO)
                stored.keep(page for page, _ in zip(pages, range(stop_after), strict=False))
            rows.advance(timedelta(seconds=50))
            rows.add_run("sums/manual", end_time=rows.now.isoformat())
            rows.set_state(rows.add_run("sums/manual", state_type="RUNNING"), "FAILED")
        with adapter_for(server, page_size=page_size, connections=connections) as prefect:
            stored.read(prefect)  # to the end of the pass that was stopped
            stored.read(prefect)
    assert set(stored.runs) == begun(rows)
    assert set(stored.task_runs) == set(rows.rows["task_runs"])


def test_runs_that_end_while_a_backlog_is_read_are_not_lost(
    small_pages: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    add_finished(rows, 260)
    running = [
        rows.add_run("sums/manual", number, state_type="RUNNING", end_time=None)
        for number in range(70)
    ]
    for page in small_pages.read_changes(None, (), since=LONG_AGO):
        stored.keep([page])
        if running:
            rows.advance(timedelta(seconds=1))
            for run in (running.pop() for _ in range(min(9, len(running)))):
                rows.set_state(run, "COMPLETED")
    stored.read(small_pages)
    assert set(stored.runs) == begun(rows)
    assert all(run.state.is_terminal for run in stored.runs.values())


def test_excluded_pipelines_have_no_runs(server: LoopbackServer, stored: Stored) -> None:
    with adapter_for(server, include=["*/manual"], exclude=["fails/*"]) as prefect:
        stored.read(prefect)
    names = {run.key.pipeline.name for run in stored.runs.values()}
    assert names == {"sums/manual", "mapped/manual", "parent/manual"}
    assert {task.run.pipeline.name for task in stored.task_runs.values()} == names


def test_a_cursor_of_another_version_of_the_adapter_starts_afresh(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, stored: Stored
) -> None:
    stored.cursor = json.dumps({"version": 0, "seen": 12})
    stored.read(prefect)
    assert set(stored.runs) == begun(rows)
