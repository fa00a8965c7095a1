"""`runs_to_mirror`, held against the same rule in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.states import RunState
from meta_orch.store import StoreWriter
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run
from meta_orch_tests.store.memory import fresh_store

PIPELINES = ("orders", "refunds", "sales")
EARLIEST = datetime.min.replace(tzinfo=UTC)


def ended(run_id: str, pipeline: str, minutes: int, state: RunState = RunState.SUCCEEDED) -> Run:
    return make_run(run_id, pipeline, state, ended_at=NOON + timedelta(minutes=minutes))


def save(store: StoreWriter, runs: Iterable[Run], known: Iterable[str] = PIPELINES) -> None:
    catalogue = Catalogue(tuple(make_pipeline(name) for name in known), "f")
    store.save_catalogue(INSTANCE, catalogue, NOON)
    store.save_changes(INSTANCE, Changes("c", runs=tuple(runs)), NOON)


def expected(
    runs: Iterable[Run], known: Iterable[str], mirrored: set[RunKey], history: int, limit: int
) -> list[Run]:
    by_pipeline: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.state.is_terminal and run.key.pipeline.name in set(known):
            by_pipeline[run.key.pipeline.name].append(run)
    candidates: list[Candidate] = []
    for finished in by_pipeline.values():
        finished.sort(key=lambda run: (run.effective_at or EARLIEST, run.key.run_id), reverse=True)
        candidates += [
            Candidate(age, not finished[0].state.is_failure, run)
            for age, run in enumerate(finished[:history])
            if run.key not in mirrored
        ]
    candidates.sort(key=Candidate.newest_first)
    news, rest = candidates[: limit // 4], candidates[limit // 4 :]
    rest.sort(key=lambda candidate: candidate.by_urgency())
    chosen = (news + rest)[:limit]
    chosen.sort(key=lambda c: (c.is_well, c.run.key.pipeline.name, -c.age))
    return [candidate.run for candidate in chosen]


class Candidate(NamedTuple):
    age: int
    """How many newer runs its pipeline has."""
    is_well: bool
    """Whether its pipeline's latest run did not fail."""
    run: Run

    def newest_first(self) -> tuple[float, str, int]:
        ended = (self.run.effective_at or EARLIEST) - EARLIEST
        return -ended.total_seconds(), self.run.key.pipeline.name, self.age

    def by_urgency(self) -> tuple[object, ...]:
        return self.age, self.is_well, *self.newest_first()


runs = st.builds(
    lambda pipeline, run_id, state, minutes: make_run(
        run_id,
        pipeline,
        state,
        **{"ended_at": NOON + timedelta(minutes=minutes)}
        if minutes
        else dict.fromkeys(("ended_at", "started_at", "queued_at", "scheduled_at")),
    ),
    st.sampled_from(PIPELINES),
    st.sampled_from("abcdefg"),
    st.sampled_from([RunState.SUCCEEDED, RunState.FAILED, RunState.RUNNING, RunState.SKIPPED]),
    st.integers(0, 4),
)


@settings(max_examples=30)
@given(
    st.lists(runs, max_size=16, unique_by=lambda run: run.key),
    st.sets(st.sampled_from(PIPELINES)),
    st.sets(
        st.builds(
            RunKey,
            st.sampled_from([PipelineKey(INSTANCE, p) for p in PIPELINES]),
            st.sampled_from("abcdefg"),
        )
    ),
    st.integers(1, 4),
    st.integers(1, 8),
)
def test_it_is_the_rule_in_plain_python(
    runs: list[Run], known: set[str], mirrored: set[RunKey], history: int, limit: int
) -> None:
    with fresh_store() as store:
        save(store, runs, known)
        store.mark_mirrored([run for run in runs if run.key in mirrored], NOON)
        chosen = store.runs_to_mirror(INSTANCE, history=history, limit=limit)
    assert list(chosen) == expected(runs, known, mirrored, history, limit)


def test_the_newest_of_every_pipeline_come_before_older_ones_and_failures_first() -> None:
    runs = [
        ended("old", "orders", 1),
        ended("new", "orders", 2),
        ended("old", "sales", 1),
        ended("new", "sales", 2, RunState.FAILED),
    ]
    with fresh_store() as store:
        save(store, runs)
        for limit, chosen in {
            1: ["sales/new"],
            2: ["sales/new", "orders/new"],
            3: ["sales/old", "sales/new", "orders/new"],
            9: ["sales/old", "sales/new", "orders/old", "orders/new"],
        }.items():
            found = store.runs_to_mirror(INSTANCE, history=20, limit=limit)
            assert [f"{run.key.pipeline.name}/{run.key.run_id}" for run in found] == chosen


def test_a_quarter_is_what_ended_last_however_much_there_is_to_catch_up_with() -> None:
    names = [f"pipeline_{number}" for number in range(20)]
    runs = [ended("run", name, 1, RunState.FAILED) for name in names[:-1]]
    news = ended("run", names[-1], 2)
    with fresh_store() as store:
        save(store, [*runs, news], names)
        assert news not in store.runs_to_mirror(INSTANCE, history=20, limit=3)
        assert news in store.runs_to_mirror(INSTANCE, history=20, limit=4)


def test_what_is_mirrored_is_not_chosen_again_until_its_outcome_changes() -> None:
    failed = ended("monday", "orders", 1, RunState.FAILED)
    with fresh_store() as store:
        save(store, [failed])
        store.mark_mirrored([failed], NOON)
        store.mark_mirrored([failed], NOON)
        assert store.runs_to_mirror(INSTANCE, history=20, limit=9) == ()

        retried = ended("monday", "orders", 9)
        store.save_changes(INSTANCE, Changes("c", runs=(retried,)), NOON)
        assert store.runs_to_mirror(INSTANCE, history=20, limit=9) == (retried,)

        store.save_changes(INSTANCE, Changes("c", runs=(failed,)), NOON)
        assert store.runs_to_mirror(INSTANCE, history=20, limit=9) == ()


def test_a_run_that_comes_before_its_pipeline_waits_for_it() -> None:
    run = ended("monday", "orders", 1)
    with fresh_store() as store:
        save(store, [run], known=())
        assert store.runs_to_mirror(INSTANCE, history=20, limit=9) == ()
        save(store, [], known=["orders"])
        assert store.runs_to_mirror(INSTANCE, history=20, limit=9) == (run,)


def test_runs_of_other_instances_are_not_chosen() -> None:
    with fresh_store() as store:
        save(store, [ended("monday", "orders", 1)])
        assert store.runs_to_mirror("another", history=20, limit=9) == ()
