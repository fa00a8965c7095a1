"""Whatever happens on the server, and wherever readings are cut short, the store ends up with what
the server holds."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import OrchestratorError, Unreachable
from meta_orch.sync import collect
from meta_orch.testing.builders import INSTANCE, make_pipeline, make_run, make_task_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.store.memory import MemoryStore, fresh_store

picks = st.integers(0, 100)


class Course(RuleBasedStateMachine):
    @initialize(page_size=st.integers(1, 3))
    def begin(self, page_size: int) -> None:
        self.context = fresh_store()
        self.store = MemoryStore(self.context.__enter__())
        self.server = FakeOrchestrator(INSTANCE, page_size=page_size)
        self.server.add_pipeline(make_pipeline())
        self.count = 0
        self.deleted_finished: set[str] = set()

    @rule(is_running=st.booleans())
    def start(self, is_running: bool) -> None:
        self.count += 1
        state = RunState.RUNNING if is_running else RunState.SUCCEEDED
        run = make_run(f"run_{self.count}", state=state)
        self.server.add_run(run, [make_task_run(run=run, state=state)])

    @rule(pick=picks, state=st.sampled_from([RunState.SUCCEEDED, RunState.FAILED]))
    def finish(self, pick: int, state: RunState) -> None:
        if run := self.some(pick):
            self.server.finish_run(run.key, state)

    @rule(pick=picks)
    def clear(self, pick: int) -> None:
        if run := self.some(pick):
            self.server.clear(run.key)

    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        if run := self.some(pick):
            self.server.delete(run.key)
            with self.store.read() as reader:
                # One that is not stored as open is not asked for: it stays.
                if run.key not in reader.open_runs(INSTANCE):
                    self.deleted_finished.add(run.key.run_id)

    @rule(
        budget=st.sampled_from([timedelta(0), timedelta(days=1)]),
        breaks_after=st.none() | st.integers(0, 2),
    )
    def read(self, budget: timedelta, breaks_after: int | None) -> None:
        self.server.advance(timedelta(minutes=1))
        if breaks_after is not None:
            self.server.fail_with(Unreachable(INSTANCE, "gone"), after_pages=breaks_after)
        try:
            self.collect(budget)
        except OrchestratorError:
            assert breaks_after is not None
        self.server.recover()

    def collect(self, budget: timedelta) -> bool:
        return collect(
            self.server,
            self.store,
            clock=lambda: self.server.now,
            deadline=self.server.now + budget,
            lookback=timedelta(days=365),
        ).caught_up

    def some(self, pick: int) -> Run | None:
        runs = self.server.runs
        return runs[pick % len(runs)] if runs else None

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        with self.store.read() as reader:
            doubled = "SELECT run_id FROM run_record GROUP BY ALL HAVING count(*) > 1"
            assert reader.answer(doubled).rows == ()

    def teardown(self) -> None:
        for _ in range(2):  # the first may end a pass that began before the last change
            while not self.collect(timedelta(days=1)):
                pass
        with self.store.read() as reader:
            stored = dict(reader.answer("SELECT run_id, state FROM runs").rows)
        held = {run.key.run_id: run.state.value for run in self.server.runs}
        extra = stored.keys() - held.keys()
        self.context.__exit__(None, None, None)
        assert {run_id: stored.get(run_id) for run_id in held} == held
        assert extra <= self.deleted_finished


Course.TestCase.settings = settings(max_examples=10, stateful_step_count=12)
test_the_store_ends_up_with_what_the_server_holds = Course.TestCase
