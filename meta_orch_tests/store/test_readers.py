"""What the store gives when it is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from meta_orch.domain.edges import Edge, EdgeKind, Judgement, Opinion
from meta_orch.domain.pipelines import PipelineKey, Pool
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.store import QueryFailed, StoreWriter
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run, make_task_run
from meta_orch_tests.store.memory import fresh_store

LATER = NOON + timedelta(hours=1)
ORDERS, REFUNDS = make_pipeline("orders"), make_pipeline("refunds")


def save_catalogue(store: StoreWriter, *pipelines: object, at: object = NOON) -> None:
    store.save_catalogue(INSTANCE, Catalogue(pipelines, f"{len(pipelines)} pipelines"), at)  # pyright: ignore[reportArgumentType]  # pipelines, as the tests below show


def save_runs(store: StoreWriter, *runs: Run) -> None:
    store.save_changes(INSTANCE, Changes("c", runs=runs), NOON)


def test_an_empty_store_answers_everything() -> None:
    with fresh_store() as store:
        assert store.pipelines() == store.open_runs(INSTANCE) == store.runs_in_progress() == ()
        assert store.edges() == store.pools() == ()
        assert store.task_runs(make_run().key) == ()
        assert store.runs_to_mirror(INSTANCE, history=20, limit=9) == ()
        assert store.latest_runs() == store.collectors() == {}
        assert store.fingerprint(INSTANCE) is store.cursor(INSTANCE) is None


def test_a_pipeline_that_is_not_in_a_catalogue_is_hidden_until_it_is_back() -> None:
    with fresh_store() as store:
        save_catalogue(store, ORDERS, REFUNDS)
        save_catalogue(store, ORDERS, at=LATER)
        assert store.pipelines() == (ORDERS,)
        assert store.answer("SELECT name, removed_at FROM pipeline_record ORDER BY 1").rows == (
            ("orders", None),
            ("refunds", LATER),
        )
        save_catalogue(store, ORDERS, REFUNDS, at=LATER + timedelta(hours=1))
        assert store.pipelines() == (ORDERS, REFUNDS)
        assert store.answer("SELECT first_seen_at FROM pipelines").rows == ((NOON,), (NOON,))


def test_an_empty_catalogue_removes_every_pipeline_of_its_instance_alone() -> None:
    elsewhere = make_pipeline("orders", "prefect_test")
    with fresh_store() as store:
        save_catalogue(store, ORDERS)
        store.save_catalogue("prefect_test", Catalogue((elsewhere,), "f"), NOON)
        save_catalogue(store)
        assert store.pipelines() == (elsewhere,)
        assert store.pipelines(INSTANCE) == ()


def test_a_pipeline_that_is_unchanged_is_not_written_again() -> None:
    with fresh_store() as store:
        save_catalogue(store, ORDERS, REFUNDS)
        save_catalogue(store, ORDERS, replace(REFUNDS, is_paused=True), at=LATER)
        assert store.answer("SELECT pipeline, changed_at FROM pipelines ORDER BY 1").rows == (
            ("orders", NOON),
            ("refunds", LATER),
        )


def test_the_runs_of_a_pipeline_that_is_not_known_are_kept() -> None:
    run = make_run(pipeline="nowhere")
    with fresh_store() as store:
        save_runs(store, run)
        assert store.latest_runs() == {run.key.pipeline: run}


def test_a_run_that_is_gone_is_given_no_more() -> None:
    run = make_run(state=RunState.RUNNING)
    with fresh_store() as store:
        store.save_changes(
            INSTANCE, Changes("c", runs=(run,), task_runs=(make_task_run(run=run),)), NOON
        )
        store.save_changes(INSTANCE, Changes("d", gone=(run.key,)), NOON)
        assert store.latest_runs() == {}
        assert store.open_runs(INSTANCE) == store.runs_in_progress() == ()
        assert store.task_runs(run.key) == ()
        for view in ("runs", "task_runs"):
            assert store.answer(f"FROM {view}").rows == ()

        save_runs(store, run)
        assert store.latest_runs() == {run.key.pipeline: run}


def test_the_cursor_and_the_fingerprint_are_those_last_saved() -> None:
    with fresh_store() as store:
        save_catalogue(store, ORDERS)
        for cursor in ("first", "second"):
            store.save_changes(INSTANCE, Changes(cursor), NOON)
        assert (store.cursor(INSTANCE), store.fingerprint(INSTANCE)) == ("second", "1 pipelines")
        assert (store.cursor("other"), store.fingerprint("other")) == (None, None)


def test_every_run_without_an_end_is_open() -> None:
    with fresh_store() as store:
        runs = {state: make_run(state.value, state=state) for state in RunState}
        save_runs(store, *runs.values())
        assert set(store.open_runs(INSTANCE)) == {
            run.key for state, run in runs.items() if not state.is_terminal
        }


def test_what_is_only_planned_is_neither_in_progress_nor_latest() -> None:
    planned = make_run("tomorrow", state=RunState.SCHEDULED, scheduled_at=NOON + timedelta(days=1))
    running = make_run("today", state=RunState.RUNNING)
    with fresh_store() as store:
        save_runs(store, planned, running)
        assert store.runs_in_progress() == store.runs_in_progress(INSTANCE) == (running,)
        assert store.latest_runs() == {running.key.pipeline: running}


def test_the_latest_run_is_the_one_whose_state_took_effect_last() -> None:
    long = make_run("long", state=RunState.FAILED, ended_at=NOON + timedelta(hours=2))
    short = make_run(
        "short",
        started_at=NOON + timedelta(minutes=30),
        ended_at=NOON + timedelta(minutes=40),
    )
    running = make_run("running", state=RunState.RUNNING, started_at=NOON + timedelta(hours=3))
    with fresh_store() as store:
        save_runs(store, long, short)
        assert store.latest_runs() == {long.key.pipeline: long}
        save_runs(store, running)
        assert store.latest_runs() == {long.key.pipeline: running}
        assert store.latest_runs(INSTANCE, finished=True) == {long.key.pipeline: long}
        assert store.latest_runs("another") == {}


def test_task_runs_come_in_the_order_in_which_they_started() -> None:
    run = make_run()
    extract = [make_task_run("extract", run, attempt=attempt) for attempt in (1, 2)]
    load = make_task_run("load", run, started_at=NOON - timedelta(seconds=1))
    waiting = make_task_run("archive", run, RunState.QUEUED)
    of_another = make_task_run("extract", replace(run.key, run_id="another"))
    with fresh_store() as store:
        page = Changes("c", task_runs=(*extract, waiting, load, of_another))
        store.save_changes(INSTANCE, page, NOON)
        assert store.task_runs(run.key) == (load, *extract, waiting)


def test_an_attempt_that_another_followed_is_no_longer_what_it_was_seen_as() -> None:
    run = make_run(state=RunState.FAILED)
    queued = make_task_run("load", run, RunState.QUEUED)
    failed = make_task_run("load", run, RunState.FAILED, attempt=2)
    never_ran = make_task_run("check", run, RunState.UPSTREAM_FAILED)
    skipped_once = make_task_run("skip", run, RunState.SKIPPED)
    waits = make_task_run("skip", run, RunState.QUEUED, attempt=2)
    with fresh_store() as store:
        page = Changes("c", task_runs=(queued, failed, never_ran, skipped_once, waits))
        store.save_changes(INSTANCE, page, NOON)
        states = {(t.task, t.attempt): t.state for t in store.task_runs(run.key)}
        rows = store.answer("SELECT task, attempt, state FROM task_runs").rows
    assert states == {
        ("load", 1): RunState.RETRYING,
        ("load", 2): RunState.FAILED,
        ("check", 1): RunState.UPSTREAM_FAILED,
        ("skip", 1): RunState.SKIPPED,
        ("skip", 2): RunState.QUEUED,
    }
    assert {(task, attempt): state for task, attempt, state in rows} == states


def test_a_run_that_was_made_anew_under_its_id_has_no_attempts_of_its_former_life() -> None:
    """As when somebody deletes a DAG's run for the scheduler to make it again."""
    run = make_run()
    former = [
        make_task_run("load", run, attempt=n, started_at=NOON + timedelta(minutes=n))
        for n in (1, 2, 3)
    ]
    again = make_task_run("load", run, RunState.RUNNING, started_at=LATER)
    retried = make_task_run("load", run, attempt=2, started_at=LATER + timedelta(minutes=1))
    with fresh_store() as store:
        for seen, expected in (
            (former, tuple(former)),
            ([again], (again,)),
            ([again, retried], (again, retried)),
            ([again], (again, retried)),
        ):
            store.save_changes(INSTANCE, Changes("c", task_runs=tuple(seen)), NOON)
            stored = store.task_runs(run.key)
            assert [(t.attempt, t.started_at) for t in stored] == [
                (t.attempt, t.started_at) for t in expected
            ]


def test_pools_replace_those_before() -> None:
    with fresh_store() as store:
        store.save_pools(INSTANCE, [Pool(INSTANCE, "a", 1), Pool(INSTANCE, "b", 2)], NOON)
        store.save_pools("other", [Pool("other", "a", 9)], NOON)
        store.save_pools(INSTANCE, [Pool(INSTANCE, "b", None)], NOON)
        assert store.pools(INSTANCE) == (Pool(INSTANCE, "b", None),)
        store.save_pools(INSTANCE, [], NOON)
        assert store.pools() == (Pool("other", "a", 9),)


def test_edges_replace_those_before_and_keep_when_they_were_first_seen() -> None:
    path, other = PipelineKey(INSTANCE, "orders").path, PipelineKey(INSTANCE, "refunds").path
    shared = Edge(path, other, EdgeKind.DATA, "shares s3://a")
    trigger = Edge(path, other, EdgeKind.TRIGGER, "orders starts refunds")
    with fresh_store() as store:
        store.save_edges([shared, trigger], NOON)
        store.save_edges([replace(shared, evidence="shares s3://b")], LATER)
        assert store.edges() == (replace(shared, evidence="shares s3://b"),)
        store.save_edges([trigger], LATER)
        assert store.answer("SELECT kind, first_seen_at, last_seen_at FROM edges").rows == (
            ("trigger", NOON, LATER),
        )
        store.save_edges([], LATER)
        assert store.edges() == ()


def test_suggestions_and_what_the_catalogues_tell_do_not_replace_each_other() -> None:
    path, other = PipelineKey(INSTANCE, "orders").path, PipelineKey(INSTANCE, "refunds").path
    shared = Edge(path, other, EdgeKind.DATA, "shares s3://a")
    suggested = Edge(path, other, EdgeKind.SUGGESTED, "starts soon after it", 0.9)
    with fresh_store() as store:
        store.save_edges([shared], NOON)
        store.save_edges([suggested], NOON, {EdgeKind.SUGGESTED})
        assert store.edges() == (shared, suggested)
        store.save_edges([], LATER)
        assert store.edges() == (suggested,)
        with pytest.raises(ValueError, match="suggested"):
            store.save_edges([suggested], LATER)


def test_what_is_said_of_an_edge_stays_until_something_else_is_said() -> None:
    path, other = PipelineKey(INSTANCE, "orders").path, PipelineKey(INSTANCE, "refunds").path
    suggested = Edge(path, other, EdgeKind.SUGGESTED, "starts soon after it", 0.9)
    yes = Judgement(path, other, Opinion.ACCEPTED, "anna", NOON, "I wrote both")
    no = Judgement(path, other, Opinion.REJECTED, "ben", LATER)
    says = "SELECT is_in_effect, opinion, judged_by FROM edges"
    with fresh_store() as store:
        store.save_edges([suggested], NOON, {EdgeKind.SUGGESTED})
        assert store.answer(says).rows == ((False, None, None),)
        store.save_judgement(yes)
        assert store.judgements() == {(path, other): yes}
        assert store.answer(says).rows == ((True, "accepted", "anna"),)
        store.save_judgement(no)
        assert store.judgements() == {(path, other): no}
        assert store.answer(says).rows == ((False, "rejected", "ben"),)
        store.forget_judgement(path, other)
        assert store.judgements() == {}


def test_what_is_of_another_instance_is_refused() -> None:
    with fresh_store() as store:
        for save in (
            lambda: store.save_catalogue("other", Catalogue((ORDERS,), "f"), NOON),
            lambda: store.save_changes("other", Changes("c", runs=(make_run(),)), NOON),
            lambda: store.save_changes("other", Changes("c", gone=(make_run().key,)), NOON),
            lambda: store.save_changes("other", Changes("c", task_runs=(make_task_run(),)), NOON),
            lambda: store.save_pools("other", [Pool(INSTANCE, "a", 1)], NOON),
        ):
            with pytest.raises(ValueError, match=f"for 'other' is of {INSTANCE}"):
                save()


def test_a_query_takes_parameters() -> None:
    with fresh_store() as store:
        save_runs(store, make_run())
        by_place = store.query("SELECT run_id FROM runs WHERE state = ?", ["succeeded"])
        by_name = store.query("SELECT run_id FROM runs WHERE state = $state", {"state": "failed"})
        assert (list(by_place["run_id"]), list(by_name["run_id"])) == (["run_1"], [])


def test_a_query_that_is_wrong_says_why() -> None:
    with fresh_store() as store, pytest.raises(QueryFailed, match='Did you mean "runs"'):
        store.query("FROM rusn")
