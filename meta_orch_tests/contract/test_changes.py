"""Runs: how they are seen from their start to their end, and that none is lost."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from meta_orch.domain.states import RunState, RunTrigger
from meta_orch_tests.contract.subject import Feature, Role, Subject, Watcher
from meta_orch_tests.contract.test_catalogue import instants

SECRET = "this-must-not-be-stored"


def test_a_run_is_seen_open_until_it_ends_and_then_with_its_end(
    subject: Subject, watcher: Watcher
) -> None:
    began = subject.now()
    key = subject.start(subject.pipelines[Role.CHAIN])
    run = watcher.read_until_end(key)
    assert run.state is RunState.SUCCEEDED
    assert run.started_at is not None
    assert run.ended_at is not None
    assert began - timedelta(seconds=1) <= run.started_at <= run.ended_at
    assert run.ended_at <= subject.now() + timedelta(seconds=3)  # servers tell whole seconds, late
    assert run.trigger is RunTrigger.MANUAL
    assert run.native_state
    assert run.url is not None
    assert run.url.startswith("http")
    *before, last = watcher.history[key]
    assert last == run
    for earlier in before:
        assert earlier.state.is_terminal == (earlier.ended_at is not None)
        assert earlier.key == key


def test_a_finished_run_has_finished_task_runs_in_the_order_of_their_edges(
    subject: Subject, watcher: Watcher
) -> None:
    key = subject.start(subject.pipelines[Role.CHAIN])
    watcher.read_until_end(key)
    task_runs = watcher.tasks_of(key)
    assert len(task_runs) >= 2
    assert {task_run.state for task_run in task_runs.values()} == {RunState.SUCCEEDED}
    assert all(task_run.started_at and task_run.ended_at for task_run in task_runs.values())
    assert all(task_run.url for task_run in task_runs.values())


def test_a_run_that_fails_is_seen_as_failed_with_the_task_that_failed(
    subject: Subject, watcher: Watcher
) -> None:
    key = subject.start(subject.pipelines[Role.FAILING])
    run = watcher.read_until_end(key)
    assert run.state is RunState.FAILED
    assert run.ended_at is not None
    failed = [t for t in watcher.tasks_of(key).values() if t.state is RunState.FAILED]
    assert len(failed) == 1


@pytest.mark.needs(Feature.ATTEMPTS)
def test_a_task_that_was_tried_twice_says_so(subject: Subject, watcher: Watcher) -> None:
    key = subject.start(subject.pipelines[Role.FAILING])
    watcher.read_until_end(key)
    (failed,) = [t for t in watcher.tasks_of(key).values() if t.state is RunState.FAILED]
    assert failed.attempt == 2


@pytest.mark.needs(Feature.EARLIER_ATTEMPTS)
def test_each_attempt_of_a_task_is_known(subject: Subject, watcher: Watcher) -> None:
    key = subject.start(subject.pipelines[Role.FAILING])
    watcher.read_until_end(key)
    (last,) = [t for t in watcher.tasks_of(key).values() if t.state is RunState.FAILED]
    attempts = {
        task_run.attempt: task_run
        for (run, task_run_id, _), task_run in watcher.task_runs.items()
        if run == key and task_run_id == last.task_run_id
    }
    assert sorted(attempts) == [1, 2]
    first = attempts[1]
    assert first.started_at is not None
    assert first.ended_at is not None
    assert last.started_at is not None
    assert first.started_at <= first.ended_at <= last.started_at


@pytest.mark.needs(Feature.UPSTREAM_FAILED)
def test_a_task_that_never_ran_because_of_another_is_no_failure_of_its_own(
    subject: Subject, watcher: Watcher
) -> None:
    key = subject.start(subject.pipelines[Role.FAILING])
    watcher.read_until_end(key)
    states = sorted(task_run.state for task_run in watcher.tasks_of(key).values())
    assert states == [RunState.FAILED, RunState.SUCCEEDED, RunState.UPSTREAM_FAILED]


@pytest.mark.needs(Feature.MAPPED_TASKS, Feature.MAP_INDEX)
def test_each_run_of_a_mapped_task_is_one_of_its_own(subject: Subject, watcher: Watcher) -> None:
    key = subject.start(subject.pipelines[Role.MAPPED])
    watcher.read_until_end(key)
    mapped = [t for t in watcher.tasks_of(key).values() if t.map_index is not None]
    assert sorted(t.map_index for t in mapped if t.map_index is not None) == [0, 1, 2]
    assert len({t.task for t in mapped}) == 1
    assert len({t.task_run_id for t in mapped}) == 3


def test_every_instant_of_a_run_is_aware_and_in_utc(subject: Subject, watcher: Watcher) -> None:
    key = subject.start(subject.pipelines[Role.CHAIN])
    watcher.read_until_end(key)
    read = (*watcher.runs.values(), *watcher.task_runs.values())
    assert [instant for instant in instants(read) if instant.tzinfo is not UTC] == []


def test_parameters_are_kept_and_secrets_among_them_masked(
    subject: Subject, watcher: Watcher
) -> None:
    key = subject.start(
        subject.pipelines[Role.PARAMETERS], {subject.parameter: 7, "api_key": SECRET}
    )
    watcher.read_until(lambda: key in watcher.runs, "the run")
    parameters = watcher.runs[key].parameters
    assert parameters[subject.parameter] == 7
    assert parameters["api_key"] == "***"
    assert SECRET not in repr((watcher.runs, watcher.task_runs))


def test_runs_of_pipelines_that_the_globs_leave_out_are_not_read(subject: Subject) -> None:
    shown = subject.start(subject.pipelines[Role.PARAMETERS])
    hidden = subject.start(subject.pipelines[Role.MAPPED])
    with subject.connect(exclude=(hidden.pipeline.name,)) as orchestrator:
        watcher = Watcher(subject, orchestrator)
        watcher.read_until_end(shown)
        assert hidden not in watcher.runs
        assert hidden.pipeline not in {run.pipeline for run, _, _ in watcher.task_runs}


# Nothing is lost, nothing is doubled.


def test_a_pass_over_nothing_new_yields_a_page_with_a_cursor(
    subject: Subject, watcher: Watcher
) -> None:
    watcher.read_pages()
    for _ in range(3):
        pages = watcher.read_pages()
        assert pages
        assert all(page.cursor for page in pages)
        assert all(page.gone == () for page in pages)


def test_reading_again_from_the_same_cursor_gives_what_it_gave(
    subject: Subject, watcher: Watcher
) -> None:
    runs = [subject.start(subject.pipelines[Role.PARAMETERS]) for _ in range(3)]
    watcher.read_until_end(*runs)
    kept_runs, kept_task_runs = dict(watcher.runs), dict(watcher.task_runs)
    for _ in range(2):
        watcher.read_pages()
        assert {key: watcher.runs[key] for key in runs} == {key: kept_runs[key] for key in runs}
        assert {k: t for k, t in watcher.task_runs.items() if k[0] in runs} == {
            k: t for k, t in kept_task_runs.items() if k[0] in runs
        }


def test_stopping_after_any_page_and_going_on_loses_nothing(subject: Subject) -> None:
    runs = [subject.start(subject.pipelines[Role.PARAMETERS]) for _ in range(5)]
    with subject.connect(page_size=2) as orchestrator:
        whole = Watcher(subject, orchestrator)
        whole.read_until_end(*runs)
        first_pass = Watcher(subject, orchestrator, since=whole.since)
        pages = len(first_pass.read_pages())
        assert pages > 2
        # Each stop costs a server two readings; the fake, where they are free, stops everywhere.
        some = sorted({1, 2, pages // 2, pages - 1})
        for stop in range(1, pages) if subject.type == "fake" else some:
            interrupted = Watcher(subject, orchestrator, since=whole.since)
            interrupted.read_pages(limit=stop)
            interrupted.read_pages()
            assert {key: interrupted.runs.get(key) for key in runs} == {
                key: first_pass.runs[key] for key in runs
            }
            assert set(interrupted.task_runs) >= {k for k in whole.task_runs if k[0] in runs}


def test_a_run_that_starts_between_two_pages_is_in_this_pass_or_in_the_next(
    subject: Subject,
) -> None:
    runs = [subject.start(subject.pipelines[Role.PARAMETERS]) for _ in range(3)]
    with subject.connect(page_size=2) as orchestrator:
        watcher = Watcher(subject, orchestrator)
        watcher.read_pages(limit=1)
        runs.append(subject.start(subject.pipelines[Role.PARAMETERS]))
        watcher.read_pages()
        watcher.read_pages()
        assert set(runs) <= set(watcher.runs)


def test_a_first_reading_leaves_out_what_ended_before_its_time(
    subject: Subject, watcher: Watcher
) -> None:
    ended = subject.start(subject.pipelines[Role.PARAMETERS])
    run = watcher.read_until_end(ended)
    assert run.ended_at is not None
    since = run.ended_at + timedelta(milliseconds=1)
    later = subject.start(subject.pipelines[Role.PARAMETERS])
    fresh = Watcher(subject, watcher.orchestrator, since=since)
    fresh.read_pages()
    assert later in fresh.runs
    assert ended not in fresh.runs


@pytest.mark.needs(Feature.STAYS_OPEN)
def test_a_first_reading_includes_what_is_still_open(subject: Subject, watcher: Watcher) -> None:
    key = subject.start_open()
    fresh = Watcher(subject, watcher.orchestrator, since=subject.now() + timedelta(minutes=5))
    fresh.read_until(lambda: key in fresh.runs, "the open run")
    assert not fresh.runs[key].state.is_terminal
    assert fresh.runs[key].ended_at is None


# Runs that change after they were seen.


@pytest.mark.needs(Feature.STAYS_OPEN)
def test_an_open_run_that_is_deleted_is_gone(subject: Subject, watcher: Watcher) -> None:
    key = subject.start_open()
    watcher.read_until(lambda: key in watcher.runs, "the open run")
    watcher.read_pages()
    assert key not in watcher.gone
    subject.delete(key)
    watcher.read_until(lambda: key in watcher.gone, "the deletion")


@pytest.mark.needs(Feature.RERUN)
def test_a_run_that_runs_again_is_seen_with_its_new_times(
    subject: Subject, watcher: Watcher
) -> None:
    key = subject.start(subject.pipelines[Role.PARAMETERS])
    first = watcher.read_until_end(key)
    subject.rerun(key)
    watcher.read_until(
        lambda: watcher.runs[key].state.is_terminal and watcher.runs[key] != first, "the second end"
    )
    second = watcher.runs[key]
    assert second.state is RunState.SUCCEEDED
    assert first.ended_at is not None
    assert second.ended_at is not None
    assert second.ended_at > first.ended_at
    assert second.revision_id != first.revision_id


@pytest.mark.needs(Feature.STATE_EDIT)
def test_a_finished_run_that_is_set_to_failed_by_hand_is_seen(
    subject: Subject, watcher: Watcher
) -> None:
    key = subject.start(subject.pipelines[Role.PARAMETERS])
    first = watcher.read_until_end(key)
    assert first.state is RunState.SUCCEEDED
    subject.edit_to_failed(key)
    watcher.read_until(lambda: watcher.runs[key].state is RunState.FAILED, "the edit")
    assert watcher.runs[key].revision_id != first.revision_id
