"""Starting runs, and refusing to."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.orchestrators.base import (
    ActingRefused,
    CancelsRuns,
    NotFound,
    Orchestrator,
    PausesPipelines,
    ServerFailed,
    StartsRuns,
)
from meta_orch_tests.contract.subject import Feature, Role, Subject, Watcher


def standing(subject: Subject, orchestrator: Orchestrator, role: Role) -> Pipeline:
    key = PipelineKey(orchestrator.instance, subject.pipelines[role])
    (found,) = [p for p in orchestrator.read_catalogue({}).pipelines if p.key == key]
    return found


def start(orchestrator: StartsRuns, pipeline: Pipeline, **wish: Any) -> Run:
    """Ask, and ask again where the server is too busy with its database: the request's id is for
    that."""
    for _ in range(2):
        try:
            return orchestrator.start_run(pipeline, **wish)
        except ServerFailed:
            time.sleep(1)
    return orchestrator.start_run(pipeline, **wish)


def set_paused(orchestrator: PausesPipelines, pipeline: Pipeline, *, is_paused: bool) -> None:
    """As `start` asks."""
    for _ in range(2):
        try:
            return orchestrator.set_paused(pipeline, is_paused=is_paused)
        except ServerFailed:
            time.sleep(1)
    return orchestrator.set_paused(pipeline, is_paused=is_paused)


def manual_runs(watcher: Watcher) -> set[RunKey]:
    """Twice, since an adapter may look further back from its second pass on than in its first."""
    watcher.read_pages()
    watcher.read_pages()
    return {key for key, run in watcher.runs.items() if run.trigger is RunTrigger.MANUAL}


def test_the_same_request_gives_the_same_run_however_often_it_is_sent(subject: Subject) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, StartsRuns)
        watcher = Watcher(subject, orchestrator)
        pipeline = standing(subject, orchestrator, Role.PARAMETERS)
        wish = {"request_id": subject.label, "parameters": {subject.parameter: 1}}
        first = start(orchestrator, pipeline, **wish)
        again = start(orchestrator, pipeline, **wish)
        other = start(orchestrator, pipeline, **{**wish, "request_id": f"{subject.label}/2"})
        assert first.key.pipeline == pipeline.key
        assert again.key == first.key
        assert other.key != first.key
        watcher.read_until_end(first.key, other.key)
        mine = [
            run
            for run in watcher.runs.values()
            if run.key.pipeline == pipeline.key and run.key in {first.key, again.key, other.key}
        ]
        assert len(mine) == 2
        assert {run.parameters[subject.parameter] for run in mine} == {1}


def test_a_request_id_may_hold_any_characters(subject: Subject) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, StartsRuns)
        pipeline = standing(subject, orchestrator, Role.PARAMETERS)
        name = f"{subject.label} <ü/😀> {'x' * 300}"
        first = start(orchestrator, pipeline, request_id=name, parameters={})
        assert start(orchestrator, pipeline, request_id=name, parameters={}).key == first.key


def test_a_started_run_is_returned_with_its_secrets_masked(subject: Subject) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, StartsRuns)
        pipeline = standing(subject, orchestrator, Role.PARAMETERS)
        parameters = {"api_key": "this-must-not-be-shown"}
        run = start(orchestrator, pipeline, request_id=subject.label, parameters=parameters)
        assert run.parameters["api_key"] == "***"
        assert not run.state.is_terminal


def test_a_read_only_instance_starts_nothing_and_says_which_setting(subject: Subject) -> None:
    with subject.connect(read_only=True) as orchestrator:
        assert isinstance(orchestrator, StartsRuns)
        pipeline = standing(subject, orchestrator, Role.PARAMETERS)
        watcher = Watcher(subject, orchestrator)
        before = manual_runs(watcher)
        with pytest.raises(ActingRefused, match="read_only"):
            orchestrator.check_may_start_runs()
        with pytest.raises(ActingRefused, match="read_only"):
            orchestrator.start_run(pipeline, request_id=subject.label, parameters={})
        assert manual_runs(watcher) == before


def test_an_instance_that_may_act_says_so_and_starts_nothing(subject: Subject) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, StartsRuns)
        watcher = Watcher(subject, orchestrator)
        before = manual_runs(watcher)
        orchestrator.check_may_start_runs()
        assert manual_runs(watcher) == before


def test_a_pipeline_that_does_not_exist_cannot_be_started(subject: Subject) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, StartsRuns)
        missing = subject.missing_pipeline()
        with pytest.raises(NotFound):
            orchestrator.start_run(missing, request_id=subject.label, parameters={})


@pytest.mark.needs(Feature.PAUSING)
def test_a_pipeline_is_paused_and_resumed_and_a_repeat_changes_nothing(subject: Subject) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, PausesPipelines)
        name = subject.add_pipeline()
        key = PipelineKey(orchestrator.instance, name)
        (pipeline,) = [p for p in orchestrator.read_catalogue({}).pipelines if p.key == key]
        for is_paused in (True, True, False, False):
            set_paused(orchestrator, pipeline, is_paused=is_paused)
            subject.wait_until(  # Airflow 3.0 answers before it commits
                lambda wanted=is_paused: orchestrator.is_paused(pipeline) is wanted,
                f"is_paused: {is_paused}",
            )
        (read,) = [p for p in orchestrator.read_catalogue({}).pipelines if p.key == key]
        assert not read.is_paused


@pytest.mark.needs(Feature.PAUSING)
def test_a_pause_by_a_person_is_seen_at_once(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        assert isinstance(orchestrator, PausesPipelines)
        pipeline = standing(subject, orchestrator, Role.INTERVAL)
        assert not orchestrator.is_paused(pipeline)
        subject.set_paused(pipeline.key.name, is_paused=True)
        assert orchestrator.is_paused(pipeline)
        subject.set_paused(pipeline.key.name, is_paused=False)
        assert not orchestrator.is_paused(pipeline)


@pytest.mark.needs(Feature.PAUSING)
def test_a_read_only_instance_pauses_nothing_and_says_which_setting(subject: Subject) -> None:
    with subject.connect(read_only=True) as orchestrator:
        assert isinstance(orchestrator, PausesPipelines)
        pipeline = standing(subject, orchestrator, Role.INTERVAL)
        with pytest.raises(ActingRefused, match="read_only"):
            orchestrator.set_paused(pipeline, is_paused=True)
        assert not orchestrator.is_paused(pipeline)


@pytest.mark.needs(Feature.PAUSING)
def test_a_pipeline_that_does_not_exist_cannot_be_paused(subject: Subject) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, PausesPipelines)
        missing = subject.missing_pipeline()
        with pytest.raises(NotFound):
            orchestrator.is_paused(missing)
        with pytest.raises(NotFound):
            orchestrator.set_paused(missing, is_paused=True)


def test_a_run_that_is_canceled_ends_and_one_that_has_ended_is_left_as_it_is(
    subject: Subject,
) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, CancelsRuns)
        watcher = Watcher(subject, orchestrator)
        run = subject.start_to_cancel()
        orchestrator.cancel_run(run)
        ended = {RunState.CANCELED, RunState.FAILED}
        watcher.read_until(
            lambda: run in watcher.runs and watcher.runs[run].state in ended, "its end"
        )
        began_at, due_at = watcher.runs[run].started_at, watcher.runs[run].scheduled_at
        assert not (began_at and due_at) or began_at >= due_at - timedelta(seconds=1)
        done = subject.start(subject.pipelines[Role.PARAMETERS])
        assert watcher.read_until_end(done).state is RunState.SUCCEEDED
        orchestrator.cancel_run(done)
        watcher.read_pages()
        assert watcher.runs[done].state is RunState.SUCCEEDED


def test_a_read_only_instance_cancels_nothing_and_says_which_setting(subject: Subject) -> None:
    with subject.connect(read_only=True) as orchestrator:
        assert isinstance(orchestrator, CancelsRuns)
        run = subject.start_open()
        with pytest.raises(ActingRefused, match="read_only"):
            orchestrator.cancel_run(run)


def test_a_run_that_does_not_exist_cannot_be_canceled(subject: Subject) -> None:
    with subject.connect(read_only=False) as orchestrator:
        assert isinstance(orchestrator, CancelsRuns)
        pipeline = standing(subject, orchestrator, Role.PARAMETERS)
        with pytest.raises(NotFound):
            orchestrator.cancel_run(RunKey(pipeline.key, "00000000-0000-4000-8000-000000000000"))
