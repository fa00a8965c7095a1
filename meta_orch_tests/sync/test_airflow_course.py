"""Whatever happens in an Airflow, and wherever its collector is killed, the store ends up with what
Airflow holds: the adapter and the collector together, before a simulated server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meta_orch.orchestrators.base import OrchestratorError
from meta_orch.sync import collect, reconcile
from meta_orch_tests.orchestrators.airflow.servers import (
    PASSWORD,
    PASSWORD_VARIABLE,
    adapter_in_memory,
)
from meta_orch_tests.orchestrators.airflow.simulated import SimulatedAirflow
from meta_orch_tests.orchestrators.airflow.simulated_v1 import SimulatedAirflow2
from meta_orch_tests.store.memory import MemoryStore, fresh_store
from meta_orch_tests.support.loopback import Reply, Request

INSTANCE = "airflow_test"
LOOKBACK = timedelta(days=30)
DAGS = ("orders", "refunds", "sales")
VERSIONS = (SimulatedAirflow, partial(SimulatedAirflow, has_cursors=False), SimulatedAirflow2)
Runs = dict[tuple[str, str], tuple[object, ...]]
Tasks = dict[tuple[str, str, str], str]
picks = st.integers(0, 100)
spans = st.sampled_from([timedelta(seconds=20), timedelta(minutes=7), timedelta(hours=3)])


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)


class Killed(BaseException):
    """Ends everything, as SIGKILL does."""


class Course(RuleBasedStateMachine):
    @initialize(
        make=st.sampled_from(VERSIONS),
        page_size=st.integers(2, 5),
        skew=st.sampled_from([timedelta(0), timedelta(minutes=9), timedelta(minutes=-9)]),
    )
    def begin(self, make: Callable[[], SimulatedAirflow], page_size: int, skew: timedelta) -> None:
        self.context = fresh_store()
        self.store = MemoryStore(self.context.__enter__())
        self.airflow = make()
        self.page_size = page_size
        self.skew = skew
        self.requests = 0
        self.meanwhile: Iterator[tuple[str, int]] = iter(())
        self.fault: tuple[int, BaseException | Reply] | None = None
        for name in DAGS:
            self.airflow.add_dag(name)

    @rule(dag=st.sampled_from(DAGS), count=st.integers(1, 7))
    def start(self, dag: str, count: int) -> None:
        for _ in range(count):
            self.airflow.start(dag)

    @rule(action=st.sampled_from(["end", "fail", "clear", "delete", "edit"]), pick=picks)
    def act(self, action: str, pick: int) -> None:
        if not self.airflow.runs:
            return
        run = self.airflow.runs[pick % len(self.airflow.runs)]
        airflow = self.airflow
        if action == "end":
            airflow.end(run)
        elif action == "fail":
            airflow.end(run, "failed")
        elif action == "clear":
            airflow.clear(run)
            run.task_state = None
        elif action == "delete":
            airflow.delete(run)
        elif run.ended_at:  # its end stays
            run.state, run.updated_at = "failed", airflow.now

    @rule(pick=picks)
    def mark_tasks(self, pick: int) -> None:
        """By hand, of a run that is over and that no reading comes back to."""
        for _ in range(2):
            self.collect(timedelta(days=1))
            self.airflow.now += timedelta(minutes=10)
        ended = [run for run in self.airflow.runs if run.ended_at]
        if ended:
            self.airflow.mark_tasks(ended[pick % len(ended)], "skipped")

    @rule(dag=st.sampled_from(DAGS))
    def commit_late(self, dag: str) -> None:
        """A run whose transaction was open for four minutes."""
        run = self.airflow.start(dag)
        run.updated_at -= timedelta(minutes=4)

    @rule(name=st.sampled_from(DAGS))
    def rename(self, name: str) -> None:
        """The DAG goes, with the runs that it had, and another comes."""
        if name in self.airflow.dags:
            del self.airflow.dags[name]
            self.airflow.runs = [run for run in self.airflow.runs if run.dag_id != name]
            self.airflow.add_dag(f"{name}_renamed")

    @rule(by=spans)
    def wait(self, by: timedelta) -> None:
        self.airflow.now += by

    @rule(
        budget=st.sampled_from([timedelta(0), timedelta(days=1)]),
        fault=st.none()
        | st.tuples(
            st.integers(1, 25),
            st.sampled_from([Killed(), Reply({"detail": "the database is gone"}, status=500)]),
        ),
        meanwhile=st.lists(
            st.tuples(st.sampled_from(["end", "clear", "delete", "start"]), picks), max_size=5
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
        return self.airflow.now + self.skew

    def answer(self, request: Request) -> Reply:
        self.requests += 1
        if request.path.endswith("/~/dagRuns"):
            self.happen()
        if self.fault and self.requests == self.fault[0]:
            if isinstance(self.fault[1], BaseException):
                raise self.fault[1]
            return self.fault[1]
        return self.airflow.answer(request)

    def happen(self) -> None:
        for action, pick in self.meanwhile:
            if action == "start":
                self.start(DAGS[pick % len(DAGS)], 1)
            else:
                self.act(action, pick)
            self.airflow.now += timedelta(seconds=5)
            return

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        with self.store.read() as reader:
            doubled = "SELECT run_id FROM run_record GROUP BY pipeline, run_id HAVING count(*) > 1"
            assert reader.answer(doubled).rows == ()

    def teardown(self) -> None:
        try:
            for _ in range(3):  # every reading that comes round has come round
                while not self.collect(timedelta(days=1)):
                    pass
                self.airflow.now += timedelta(hours=2)
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
        """Of pipelines that are there; what one that is gone had run stays, as a record."""
        with self.store.read() as reader:
            names = {pipeline.key.name for pipeline in reader.pipelines(INSTANCE)}
            assert names == self.airflow.dags.keys()
            runs = reader.answer(
                "SELECT pipeline, run_id, native_state, started_at, ended_at FROM runs"
            ).rows
            tasks = reader.answer(
                """
                SELECT pipeline, run_id, task, native_state FROM task_runs
                QUALIFY attempt = max(attempt) OVER (PARTITION BY pipeline, run_id, task)
                """
            ).rows
        return (
            {(dag, run): tuple(rest) for dag, run, *rest in runs if dag in names},
            {(dag, run, task): state for dag, run, task, state in tasks if dag in names},
        )

    def held(self) -> tuple[Runs, Tasks]:
        runs = [run for run in self.airflow.runs if run.dag_id in self.airflow.dags]
        return (
            {(r.dag_id, r.run_id): (r.state, r.started_at, r.ended_at) for r in runs},
            {
                (run.dag_id, run.run_id, task): run.task_state or run.state
                for run in runs
                for task in ("extract", "load")
            },
        )


Course.TestCase.settings = settings(max_examples=15, stateful_step_count=15)
test_the_store_ends_up_with_what_airflow_holds = Course.TestCase
