"""What the store forgets, and what it keeps however old it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.config.models import Retention
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.states import RunState
from meta_orch.store import Expired, StoreWriter
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run, make_task_run
from meta_orch_tests.store.memory import fresh_store

DAY = timedelta(days=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)


def ended(run_id: str, days_ago: int, pipeline: str = "orders") -> Run:
    return make_run(
        run_id, pipeline, started_at=NOON - days_ago * DAY, ended_at=NOON - days_ago * DAY
    )


def save(store: StoreWriter, runs: Iterable[Run], gone: Iterable[RunKey] = ()) -> None:
    runs = tuple(runs)
    store.save_catalogue(INSTANCE, Catalogue((make_pipeline("orders"),), "f"), NOON)
    tasks = tuple(make_task_run("extract", run) for run in runs)
    store.save_changes(INSTANCE, Changes("c", runs=runs, task_runs=tasks), NOON)
    store.save_changes(INSTANCE, Changes("c", gone=tuple(gone)), NOON - 3 * DAY)


def kept(store: StoreWriter, table: str = "run_record") -> set[tuple[str, str]]:
    rows = store.answer(f"SELECT pipeline, run_id FROM {table}").rows  # noqa: S608  # a table's name
    return {(pipeline, run_id) for pipeline, run_id in rows}


runs = st.builds(
    lambda pipeline, run_id, state, days: make_run(
        run_id,
        pipeline,
        state,
        started_at=NOON - days * DAY,
        **{"ended_at": NOON - days * DAY} if state.is_terminal else {},
    ),
    st.sampled_from(["orders", "refunds"]),
    st.sampled_from("abcdefg"),
    st.sampled_from([RunState.SUCCEEDED, RunState.FAILED, RunState.RUNNING]),
    st.integers(0, 6),
)
keys = st.builds(
    RunKey,
    st.sampled_from([PipelineKey(INSTANCE, name) for name in ("orders", "refunds")]),
    st.sampled_from("abcdefg"),
)
spans = st.none() | st.integers(1, 5).map(lambda days: days * DAY)
retentions = st.builds(
    Retention.model_construct, runs=spans, task_runs=spans, last_runs=st.integers(0, 3)
)


@settings(max_examples=40)
@given(
    st.lists(runs, max_size=14, unique_by=lambda run: run.key),
    st.sets(keys, max_size=3),
    st.sets(keys, max_size=3),
    retentions,
)
def test_it_is_the_rule_in_plain_python(
    runs: list[Run],
    gone: set[RunKey],
    needed: set[RunKey],
    retention: Retention,
) -> None:
    since: dict[RunKey, datetime] = {}
    finished: defaultdict[PipelineKey, list[Run]] = defaultdict(list)
    for run in runs:
        if run.key in gone:
            since[run.key] = NOON - 3 * DAY
        elif run.ended_at:
            since[run.key] = run.ended_at
            finished[run.key.pipeline].append(run)
    for ones in finished.values():
        ones.sort(key=lambda run: (run.effective_at or EARLIEST, run.key.run_id), reverse=True)
        needed |= {run.key for run in ones[: retention.last_runs]}

    def left(keep: timedelta | None) -> set[tuple[str, str]]:
        return {
            (run.key.pipeline.name, run.key.run_id)
            for run in runs
            if keep is None
            or run.key in needed
            or run.key not in since
            or since[run.key] >= NOON - keep
        }

    with fresh_store() as store:
        save(store, runs, gone)
        store.keep_runs(needed, "a test", NOON)
        expired = store.expired(retention, NOON)
        assert store.forget_expired(retention, NOON) == expired
        assert kept(store) == left(retention.runs)
        assert kept(store, "task_run_record") == left(retention.runs) & left(retention.task_runs)
        assert expired.runs == len(runs) - len(kept(store))
        assert expired.task_runs == len(runs) - len(kept(store, "task_run_record"))
        assert store.forget_expired(retention, NOON) == Expired(0, 0)


def test_without_settings_nothing_is_forgotten() -> None:
    with fresh_store() as store:
        save(store, [ended("old", 3000)])
        assert store.forget_expired(Retention(last_runs=0), NOON) == Expired(0, 0)


def test_a_run_is_kept_until_every_reason_is_gone() -> None:
    retention = Retention(runs=DAY, last_runs=0)
    run = ended("old", 9)
    with fresh_store() as store:
        save(store, [run])
        store.keep_runs([run.key, run.key], "incident 1", NOON)
        store.keep_runs([run.key], "incident 2", NOON)
        assert len(store.answer("FROM kept_runs").rows) == 2
        store.release_runs("incident 1")
        assert store.forget_expired(retention, NOON) == Expired(0, 0)
        store.release_runs("incident 2")
        assert store.forget_expired(retention, NOON) == Expired(1, 1)


def test_what_dagster_shows_of_a_forgotten_run_is_forgotten_too() -> None:
    old, new = ended("old", 9), ended("new", 0)
    with fresh_store() as store:
        save(store, [old, new])
        store.mark_mirrored([old, new], NOON)
        store.forget_expired(Retention(runs=DAY, last_runs=0), NOON)
        assert kept(store, "mirrored_record") == {("orders", "new")}


@pytest.mark.parametrize(("days_ago", "is_left"), [(9, False), (0, True)])
def test_a_removed_pipeline_goes_with_its_last_run(days_ago: int, is_left: bool) -> None:
    with fresh_store() as store:
        save(store, [ended("last", days_ago)])
        store.save_catalogue(INSTANCE, Catalogue((), "g"), NOON - 5 * DAY)
        store.forget_expired(Retention(runs=DAY, last_runs=0), NOON)
        assert bool(store.answer("FROM pipeline_record").rows) is is_left
