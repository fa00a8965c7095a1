"""Whatever happens in a Prefect, and wherever its collector is killed, the store ends up with what
Prefect holds: the adapter and the collector together, before a simulated server."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.base import OrchestratorError
from meta_orch.orchestrators.prefect.changes import SETTLING
from meta_orch.sync import collect, reconcile
from meta_orch_tests.orchestrators.prefect.in_memory import adapter_in_memory
from meta_orch_tests.orchestrators.prefect.server import NOWHERE, PrefectInMemory, Row
from meta_orch_tests.store.memory import MemoryStore, fresh_store
from meta_orch_tests.support.loopback import Reply, Request

INSTANCE = "prefect_test"
LOOKBACK = timedelta(days=30)
DEPLOYMENTS = ("sums/manual", "mapped/manual", "fails/manual")
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
LATE = timedelta(seconds=40)
"""How long after its time of end a run may show: less than the overlap."""
Runs = dict[tuple[str, str], tuple[object, ...]]
Tasks = dict[tuple[str, str, str], tuple[object, ...]]
picks = st.integers(0, 100)
spans = st.sampled_from([timedelta(seconds=20), timedelta(minutes=7), timedelta(hours=3)])
states = st.sampled_from(["COMPLETED", "FAILED", "CRASHED", "CANCELLED", "PAUSED", "RUNNING"])


class Killed(BaseException):
    """Ends everything, as SIGKILL does."""


class Course(RuleBasedStateMachine):
    @initialize(
        page_size=st.integers(2, 5),
        skew=st.sampled_from([timedelta(0), timedelta(minutes=9), timedelta(minutes=-9)]),
    )
    def begin(self, page_size: int, skew: timedelta) -> None:
        self.context = fresh_store()
        self.store = MemoryStore(self.context.__enter__())
        self.prefect = PrefectInMemory()
        self.like = next(iter(self.prefect.rows["task_runs"].values()))
        for kind in ("flow_runs", "task_runs", "events"):
            self.prefect.rows[kind].clear()
        self.prefect.rows["flow_runs"] = {}
        self.page_size = page_size
        self.skew = skew
        self.requests = self.made = 0
        self.meanwhile: Iterator[tuple[str, int]] = iter(())
        self.fault: tuple[int, BaseException | Reply] | None = None

    @property
    def runs(self) -> list[Row]:
        return list(self.prefect.rows["flow_runs"].values())

    @rule(deployment=st.sampled_from(DEPLOYMENTS), count=st.integers(1, 7), is_due=st.booleans())
    def start(self, deployment: str, count: int, is_due: bool) -> None:
        for _ in range(count):
            run = self.add_run(deployment)
            self.prefect.set_state(run, "SCHEDULED" if is_due else "RUNNING")
            self.add_tasks(run)

    def add_run(self, deployment: str) -> Row:
        self.made += 1
        of = self.prefect.deployment(deployment)
        run = {
            **deepcopy(self.prefect.recorded[0]),
            "id": str(uuid5(NOWHERE, f"run {self.made}")),
            "deployment_id": of["id"],
            "flow_id": of["flow_id"],
            "parent_task_run_id": None,
            "expected_start_time": self.prefect.now.isoformat(),
            "next_scheduled_start_time": None,
            "state_type": "PENDING",
            "start_time": None,
            "end_time": None,
            "run_count": 1,
        }
        self.prefect.rows["flow_runs"][run["id"]] = run
        return run

    def add_tasks(self, run: Row) -> None:
        for name in ("extract", "load"):
            task = {
                **deepcopy(self.like),
                "id": str(uuid5(NOWHERE, f"{run['id']} {name}")),
                "flow_run_id": run["id"],
                "task_key": name,
                "task_inputs": {},
                "state": None,
            }
            self.prefect.rows["task_runs"][task["id"]] = task
            self.set_task(task, run)

    def set_task(self, task: Row, run: Row) -> None:
        """In the state of its run; as long as that has not begun, it has not either."""
        has_ended = run["state_type"] in ENDED
        task.update(
            state_type=run["state_type"],
            state_name=run["state_name"],
            start_time=run["start_time"],
            end_time=self.prefect.now.isoformat() if has_ended else None,
        )

    def tasks_of(self, run: Row) -> list[Row]:
        tasks = self.prefect.rows["task_runs"].values()
        return [task for task in tasks if task["flow_run_id"] == run["id"]]

    @rule(state=states, pick=picks, is_late=st.booleans())
    def act(self, state: str, pick: int, is_late: bool = False) -> None:
        """A run goes to any state: it ends, is edited from one end to another, runs again."""
        if not self.runs:
            return
        run = self.runs[pick % len(self.runs)]
        had_ended = run["state_type"] in ENDED
        if run["start_time"] is None and state in ENDED:
            self.prefect.set_state(run, "RUNNING")
        if had_ended and state == "RUNNING":
            run["run_count"] += 1
            run["start_time"] = None
        self.prefect.set_state(run, state)
        if state in ENDED and not had_ended and is_late:
            began = parse_instant(run["start_time"])
            assert began is not None
            run["end_time"] = max(began, self.prefect.now - LATE).isoformat()
        for task in self.tasks_of(run):
            self.set_task(task, run)

    @rule(deployment=st.sampled_from(DEPLOYMENTS))
    def commit_late(self, deployment: str) -> None:
        """A run that nobody saw before it had ended."""
        run = self.add_run(deployment)
        for state in ("RUNNING", "COMPLETED"):
            self.prefect.set_state(run, state)
        run["start_time"] = run["end_time"] = (self.prefect.now - LATE).isoformat()
        self.add_tasks(run)

    @rule(pick=picks, after=st.sampled_from([timedelta(seconds=20), timedelta(minutes=4)]))
    def end_with_late_tasks(self, pick: int, after: timedelta) -> None:
        """Task runs reach the server after their flow has ended."""
        if not self.runs:
            return
        run = self.runs[pick % len(self.runs)]
        before = [dict(task) for task in self.tasks_of(run)]
        self.act("COMPLETED", pick)
        for task in before:
            self.prefect.rows["task_runs"][task["id"]] = task
        self.collect(timedelta(days=1))
        self.prefect.now += after
        for task in self.tasks_of(run):
            self.set_task(task, run)

    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        """With its task runs; no event tells."""
        if self.runs:
            self.remove(self.runs[pick % len(self.runs)])

    def remove(self, run: Row) -> None:
        for task in self.tasks_of(run):
            del self.prefect.rows["task_runs"][task["id"]]
        del self.prefect.rows["flow_runs"][run["id"]]

    @rule(deployment=st.sampled_from(DEPLOYMENTS))
    def rename(self, deployment: str) -> None:
        """The deployment goes, with the runs that it had, and another comes."""
        try:
            row = self.prefect.deployment(deployment)
        except LookupError:
            return
        for run in self.runs:
            if run["deployment_id"] == row["id"]:
                self.remove(run)
        del self.prefect.rows["deployments"][row["id"]]
        added = {**row, "id": str(uuid5(NOWHERE, f"{row['id']} anew")), "updated": self.tick()}
        self.prefect.rows["deployments"][added["id"]] = added

    def tick(self) -> str:
        self.prefect.now += timedelta(seconds=1)
        return self.prefect.now.isoformat()

    @rule(by=spans)
    def wait(self, by: timedelta) -> None:
        self.prefect.now += by

    @rule(
        budget=st.sampled_from([timedelta(0), timedelta(days=1)]),
        fault=st.none()
        | st.tuples(
            st.integers(1, 25),
            st.sampled_from([Killed(), Reply({"detail": "the database is gone"}, status=500)]),
        ),
        meanwhile=st.lists(
            st.tuples(st.sampled_from(["COMPLETED", "FAILED", "delete", "start"]), picks),
            max_size=5,
        ),
    )
    def read(
        self,
        budget: timedelta,
        fault: tuple[int, BaseException | Reply] | None,
        meanwhile: list[tuple[str, int]],
    ) -> None:
        """A collector, from its start to its end or its death; things happen between its pages."""
        self.fault, self.requests, self.meanwhile = fault, 0, iter(meanwhile)
        try:
            self.collect(budget)
        except (OrchestratorError, Killed):
            assert fault is not None
        self.fault, self.meanwhile = None, iter(())

    def collect(self, budget: timedelta) -> bool:
        with adapter_in_memory(self.answer, page_size=self.page_size) as orchestrator:
            return collect(
                orchestrator,
                self.store,
                clock=self.clock,
                deadline=self.clock() + budget,
                lookback=LOOKBACK,
            ).caught_up

    def clock(self) -> datetime:
        """The collector's, which is not the server's."""
        return self.prefect.now + self.skew

    def answer(self, request: Request) -> Reply:
        self.requests += 1
        if request.path.endswith("/flow_runs/filter"):
            self.happen()
        if self.fault and self.requests == self.fault[0]:
            if isinstance(self.fault[1], BaseException):
                raise self.fault[1]
            return self.prefect.dated(self.fault[1])
        return self.prefect.answer(request)

    def happen(self) -> None:
        for action, pick in self.meanwhile:
            if action == "start":
                self.start(DEPLOYMENTS[pick % len(DEPLOYMENTS)], 1, False)
            elif action == "delete":
                self.delete(pick)
            else:
                self.act(action, pick)
            self.prefect.now += timedelta(seconds=5)
            return

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        with self.store.read() as reader:
            doubled = "SELECT run_id FROM run_record GROUP BY run_id HAVING count(*) > 1"
            assert reader.answer(doubled).rows == ()

    def teardown(self) -> None:
        try:
            for _ in range(3):  # every reading that comes round has come round
                while not self.collect(timedelta(days=1)):
                    pass
                self.prefect.now += SETTLING + timedelta(minutes=1)
            runs, tasks = self.stored()
            held, held_tasks = self.held()
            assert {run: runs.get(run) for run in held} == held
            assert {task: tasks.get(task) for task in held_tasks} == held_tasks
            self.reconcile()  # finds finished runs that were deleted
            assert self.stored() == (held, held_tasks)
        finally:
            self.context.__exit__(None, None, None)

    def reconcile(self) -> None:
        with adapter_in_memory(self.answer, page_size=self.page_size) as orchestrator:
            reconcile(
                orchestrator,
                self.store,
                clock=self.clock,
                deadline=self.clock() + timedelta(days=1),
                lookback=LOOKBACK,
                part=1,
            )

    def stored(self) -> tuple[Runs, Tasks]:
        with self.store.read() as reader:
            runs = reader.answer(
                "SELECT pipeline, run_id, native_state, started_at, ended_at FROM runs"
            ).rows
            tasks = reader.answer(
                "SELECT run_id, task, native_state, started_at, ended_at FROM task_runs"
            ).rows
        return (
            {(pipeline, run): tuple(rest) for pipeline, run, *rest in runs},
            {("", run, task): tuple(rest) for run, task, *rest in tasks},
        )

    def held(self) -> tuple[Runs, Tasks]:
        names = {self.prefect.deployment(name)["id"]: name for name in DEPLOYMENTS}
        begun = {run["id"] for run in self.runs if run["start_time"]}
        return (
            {(names[run["deployment_id"]], run["id"]): _state(run) for run in self.runs},
            {
                ("", task["flow_run_id"], task["task_key"]): _state(task)
                for task in self.prefect.rows["task_runs"].values()
                if task["flow_run_id"] in begun
            },
        )


def _state(row: Row) -> tuple[Any, ...]:
    return (
        row["state_name"],
        parse_instant(row["start_time"]),
        parse_instant(row["end_time"]),
    )


Course.TestCase.settings = settings(max_examples=15, stateful_step_count=15)
test_the_store_ends_up_with_what_prefect_holds = Course.TestCase
