"""The algebra of pages: repeated, split or joined in any way, they leave the same store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import RunKey
from meta_orch.domain.states import RunState
from meta_orch.testing.builders import INSTANCE, NOON, make_run, make_task_run
from meta_orch_tests.store.memory import fresh_store

# A small world, so that pages often speak of the same run.
run_keys = st.builds(
    RunKey,
    st.sampled_from([PipelineKey(INSTANCE, "orders"), PipelineKey(INSTANCE, "refunds")]),
    st.sampled_from(["monday", "tuesday", "wednesday"]),
)
states = st.sampled_from([RunState.RUNNING, RunState.SUCCEEDED, RunState.FAILED])
runs = st.builds(
    lambda key, state, message: make_run(key=key, state=state, message=message),
    run_keys,
    states,
    st.sampled_from([None, "late"]),
)
task_runs = st.builds(
    lambda run, task, state, attempt: make_task_run(task, run, state, attempt=attempt),
    run_keys,
    st.sampled_from(["extract", "load"]),
    states,
    st.integers(1, 2),
)
pages = st.lists(
    st.builds(
        Changes,
        cursor=st.sampled_from("abc"),
        runs=st.lists(runs, max_size=4).map(tuple),
        task_runs=st.lists(task_runs, max_size=4).map(tuple),
        gone=st.lists(run_keys, max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=3,
)
few = settings(max_examples=12)


def content(pages: Iterable[Changes]) -> dict[str, tuple]:
    """Every row of every table after these pages."""
    with fresh_store() as store:
        for page in pages:
            store.save_changes(INSTANCE, page, NOON)
        return {
            table: store.answer(f"FROM {table} ORDER BY ALL").rows
            for table in ("run_record", "task_run_record", "progress_record")
        }


@few
@given(pages, st.data())
def test_reading_again_from_an_earlier_page_changes_nothing(
    pages: list[Changes], data: st.DataObject
) -> None:
    stopped = data.draw(st.integers(0, len(pages)), label="pages until the kill")
    resumed = data.draw(st.integers(0, stopped), label="pages that were durable")
    assert content([*pages[:stopped], *pages[resumed:]]) == content(pages)


@few
@given(pages, st.data())
def test_pages_may_be_split(pages: list[Changes], data: st.DataObject) -> None:
    halves: list[Changes] = []
    for page in pages:
        run_cut = data.draw(st.integers(0, len(page.runs)))
        task_run_cut = data.draw(st.integers(0, len(page.task_runs)))
        first = Changes("half", page.runs[:run_cut], page.task_runs[:task_run_cut])
        rest = replace(page, runs=page.runs[run_cut:], task_runs=page.task_runs[task_run_cut:])
        halves += [first, rest]
    assert content(halves) == content(pages)


@few
@given(pages)
def test_pages_may_be_joined(pages: list[Changes]) -> None:
    assert content([reduce(Changes.followed_by, pages)]) == content(pages)


def test_what_was_seen_last_holds() -> None:
    """Also where the server tells an older state than before: it is the one that knows."""
    finished = make_run()
    running = replace(finished, state=RunState.RUNNING, ended_at=None)
    with fresh_store() as store:
        for run in (finished, running):
            store.save_changes(INSTANCE, Changes("c", runs=(run,)), NOON)
        assert store.latest_runs() == {finished.key.pipeline: running}


def test_of_two_runs_on_a_page_with_the_same_key_the_later_holds() -> None:
    first, second = make_run(message="first"), make_run(message="second")
    with fresh_store() as store:
        store.save_changes(INSTANCE, Changes("c", runs=(first, second)), NOON)
        assert store.latest_runs() == {first.key.pipeline: second}
        assert store.answer("SELECT count(*) FROM run_record").rows == ((1,),)
