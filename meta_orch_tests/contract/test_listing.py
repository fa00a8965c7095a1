"""Listing runs: what comparing the store with the server needs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import pytest

from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.readings import ListedRun, RunDetails
from meta_orch.domain.runs import RunKey
from meta_orch.domain.states import RunState
from meta_orch.domain.time import Window
from meta_orch.orchestrators.base import CountsRuns, ListsRuns
from meta_orch_tests.contract.subject import Feature, Role, Subject, Watcher

MOMENT = timedelta(microseconds=1)


def pipelines(watcher: Watcher, *roles: Role) -> list[Pipeline]:
    """Those of the catalogue that have these roles."""
    names = {watcher.subject.pipelines[role] for role in roles}
    catalogue = watcher.orchestrator.read_catalogue({})
    return [pipeline for pipeline in catalogue.pipelines if pipeline.key.name in names]


def listed(
    watcher: Watcher, chosen: Collection[Pipeline], window: Window
) -> dict[RunKey, ListedRun]:
    """What is listed; where it can be counted too, the two agree."""
    assert isinstance(watcher.orchestrator, ListsRuns)
    runs = list(watcher.orchestrator.list_ended_runs(chosen, window))
    by_key = {run.key: run for run in runs}
    assert len(by_key) == len(runs)
    if isinstance(watcher.orchestrator, CountsRuns):
        assert watcher.orchestrator.count_ended_runs(chosen, window) == len(runs)
    return by_key


def in_full(watcher: Watcher, *runs: RunKey) -> RunDetails:
    assert isinstance(watcher.orchestrator, ListsRuns)
    return watcher.orchestrator.read_runs(runs)


def around(*instants: datetime) -> Window:
    """The shortest that holds them."""
    return Window(min(instants), max(instants) + MOMENT)


def test_a_run_that_ended_is_listed_as_it_is_read(subject: Subject, watcher: Watcher) -> None:
    key = subject.start(subject.pipelines[Role.PARAMETERS])
    run = watcher.read_until_end(key)
    assert run.ended_at is not None
    found = listed(watcher, pipelines(watcher, Role.PARAMETERS), around(run.ended_at))
    assert found[key] == ListedRun(key, run.native_state, run.ended_at)


def test_a_window_holds_its_start_and_not_its_end(subject: Subject, watcher: Watcher) -> None:
    key = subject.start(subject.pipelines[Role.PARAMETERS])
    ended_at = watcher.read_until_end(key).ended_at
    assert ended_at is not None
    chosen = pipelines(watcher, Role.PARAMETERS)
    assert key in listed(watcher, chosen, Window(ended_at, ended_at + MOMENT))
    assert key not in listed(watcher, chosen, Window(ended_at - MOMENT, ended_at))
    assert key not in listed(watcher, chosen, Window(ended_at + MOMENT, ended_at + 2 * MOMENT))
    assert listed(watcher, chosen, Window(ended_at, ended_at)) == {}


def test_only_runs_of_the_pipelines_that_are_asked_for_are_listed(
    subject: Subject, watcher: Watcher
) -> None:
    wanted = subject.start(subject.pipelines[Role.PARAMETERS])
    other = subject.start(subject.pipelines[Role.MAPPED])
    watcher.read_until_end(wanted, other)
    ends = [watcher.runs[key].ended_at for key in (wanted, other)]
    window = around(*(end for end in ends if end is not None))
    alone = listed(watcher, pipelines(watcher, Role.PARAMETERS), window)
    together = listed(watcher, pipelines(watcher, Role.PARAMETERS, Role.MAPPED), window)
    assert wanted in alone
    assert other not in alone
    assert {wanted, other} <= set(together)
    assert listed(watcher, [], window) == {}


@pytest.mark.needs(Feature.STAYS_OPEN)
def test_an_open_run_is_not_listed(subject: Subject, watcher: Watcher) -> None:
    key = subject.start_open()
    watcher.read_until(lambda: key in watcher.runs, "the open run")
    window = Window(subject.now() - timedelta(hours=1), subject.now() + timedelta(hours=1))
    catalogue = watcher.orchestrator.read_catalogue({})
    chosen = [pipeline for pipeline in catalogue.pipelines if pipeline.key == key.pipeline]
    assert key not in listed(watcher, chosen, window)
    (run,) = in_full(watcher, key).runs
    assert not run.state.is_terminal


def test_a_run_read_by_its_id_is_as_its_changes_told_and_has_its_task_runs(
    subject: Subject, watcher: Watcher
) -> None:
    key = subject.start(subject.pipelines[Role.CHAIN])
    run = watcher.read_until_end(key)
    details = in_full(watcher, key)
    assert details.runs == (run,)
    assert {task_run.task_run_id: task_run for task_run in details.task_runs} == watcher.tasks_of(
        key
    )


def test_a_finished_run_that_was_deleted_is_listed_no_more_and_not_found_by_its_id(
    subject: Subject, watcher: Watcher
) -> None:
    deleted = subject.start(subject.pipelines[Role.PARAMETERS])
    kept = subject.start(subject.pipelines[Role.PARAMETERS])
    watcher.read_until_end(deleted, kept)
    ends = [watcher.runs[key].ended_at for key in (deleted, kept)]
    window = around(*(end for end in ends if end is not None))
    chosen = pipelines(watcher, Role.PARAMETERS)
    assert {deleted, kept} <= set(listed(watcher, chosen, window))
    subject.delete(deleted)
    # Airflow 3.0 answers before it commits.
    subject.wait_until(lambda: not in_full(watcher, deleted).runs, "the deletion")
    found = listed(watcher, chosen, window)
    assert kept in found
    assert deleted not in found
    assert [run.key for run in in_full(watcher, deleted, kept).runs] == [kept]


@pytest.mark.needs(Feature.STATE_EDIT)
def test_a_state_that_was_edited_is_listed(subject: Subject, watcher: Watcher) -> None:
    key = subject.start(subject.pipelines[Role.PARAMETERS])
    run = watcher.read_until_end(key)
    assert run.ended_at is not None
    chosen, window = pipelines(watcher, Role.PARAMETERS), around(run.ended_at)
    subject.edit_to_failed(key)
    subject.wait_until(lambda: in_full(watcher, key).runs[0].state is RunState.FAILED, "the edit")
    found = listed(watcher, chosen, window)
    (edited,) = in_full(watcher, key).runs
    assert found[key] == ListedRun(key, edited.native_state, run.ended_at)
    assert found[key].native_state != run.native_state
