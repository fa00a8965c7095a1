"""Starting runs, and refusing to."""

from __future__ import annotations

import time
from typing import Any

import pytest

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.states import RunTrigger
from meta_orch.orchestrators.base import (
    ActingRefused,
    NotFound,
    Orchestrator,
    ServerFailed,
    StartsRuns,
)
from meta_orch_tests.contract.subject import Role, Subject, Watcher


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
