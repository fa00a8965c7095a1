"""The instance at hand, read through `DagsterInstance`: a real one, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.domain.marks import MIRRORED_TAG, PIPELINE_TAG
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.orchestrators.base import ActingRefused, OrchestratorError
from meta_orch.orchestrators.dagster import DagsterOrchestrator
from meta_orch_tests.orchestrators.dagster import definitions

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def dagster(instance: dg.DagsterInstance) -> Iterator[DagsterOrchestrator]:
    with adapter_for(instance) as adapter:
        yield adapter


def adapter_for(instance: dg.DagsterInstance, **settings: Any) -> DagsterOrchestrator:
    page_size = settings.pop("page_size", 50)
    config = {"name": "dagster_test", "type": "dagster", **settings}
    return DagsterOrchestrator(
        InstanceConfig.model_validate(config), instance=instance, page_size=page_size
    )


def execute(instance: dg.DagsterInstance, job: str = "sums", **options: Any) -> str:
    found = definitions.defs.resolve_job_def(job)
    return found.execute_in_process(instance=instance, raise_on_error=False, **options).run_id


def create(instance: dg.DagsterInstance, job: str = "sums", **options: Any) -> str:
    """A run that is not executed."""
    return instance.create_run_for_job(definitions.defs.resolve_job_def(job), **options).run_id


def create_finished(instance: dg.DagsterInstance) -> str:
    """A run that was canceled before it began."""
    run = instance.create_run_for_job(definitions.sums)
    instance.report_run_canceled(run)
    return run.run_id


def read(
    dagster: DagsterOrchestrator, cursor: str | None = None, open_runs: tuple[RunKey, ...] = ()
) -> list[Changes]:
    return list(dagster.read_changes(cursor, open_runs, since=LONG_AGO))


def runs_of(pages: list[Changes]) -> dict[str, Run]:
    return {run.key.run_id: run for page in pages for run in page.runs}


def tasks_of(pages: list[Changes]) -> dict[str, TaskRun]:
    return {task.task_run_id: task for page in pages for task in page.task_runs}


def pipelines_of(dagster: DagsterOrchestrator) -> dict[str, Pipeline]:
    return {pipeline.key.name: pipeline for pipeline in dagster.read_catalogue({}).pipelines}


def test_a_run_is_read_with_its_steps(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    run_id = execute(instance)
    pages = read(dagster)
    run = runs_of(pages)[run_id]
    assert (run.state, run.native_state) == (RunState.SUCCEEDED, "SUCCESS")
    assert run.trigger is RunTrigger.MANUAL
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.started_at <= run.ended_at
    tasks = tasks_of(pages)
    assert sorted(tasks) == ["double[0]", "double[1]", "double[2]", "parts", "total"]
    assert {task.task for task in tasks.values()} == {"double", "parts", "total"}
    assert {task.state for task in tasks.values()} == {RunState.SUCCEEDED}


def test_a_failed_run_shows_the_step_that_failed_and_hides_its_secrets(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    config = {"ops": {"break_down": {"config": {"api_key": "hunter2", "number": 7}}}}
    run_id = execute(instance, "fails", run_config=config)
    pages = read(dagster)
    run = runs_of(pages)[run_id]
    assert run.state is RunState.FAILED
    assert run.parameters == {"ops": {"break_down": {"config": {"api_key": "***", "number": 7}}}}
    tasks = tasks_of(pages)
    assert tasks["break_down"].state is RunState.FAILED
    assert tasks["break_down"].attempt == 2
    assert "hunter2" not in repr(pages)


@pytest.mark.parametrize(
    ("tags", "trigger"),
    [
        ({"dagster/schedule_name": "nightly"}, RunTrigger.SCHEDULE),
        ({"dagster/sensor_name": "watch"}, RunTrigger.SENSOR),
        ({"dagster/backfill": "abc"}, RunTrigger.BACKFILL),
        ({"dagster/from_automation_condition": "true"}, RunTrigger.ASSET),
        ({"dagster/parent_run_id": "x", "dagster/schedule_name": "nightly"}, RunTrigger.PARENT),
        ({"user": "anna@example.com"}, RunTrigger.MANUAL),
    ],
    ids=["schedule", "sensor", "backfill", "automation", "re-execution", "person"],
)
def test_tags_tell_what_started_a_run(
    instance: dg.DagsterInstance,
    dagster: DagsterOrchestrator,
    tags: dict[str, str],
    trigger: RunTrigger,
) -> None:
    run_id = create(instance, tags=tags)
    assert runs_of(read(dagster))[run_id].trigger is trigger


def test_a_retried_run_says_which_attempt_it_is(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    run_id = create(instance, tags={"dagster/retry_number": "2"})
    assert runs_of(read(dagster))[run_id].attempt == 3


@pytest.mark.parametrize("tag", [MIRRORED_TAG, PIPELINE_TAG])
def test_runs_that_show_those_of_another_orchestrator_are_neither_runs_nor_pipelines_here(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator, tag: str
) -> None:
    create(instance, "fails", tags={tag: "airflow/daily_orders"})
    run_id = create(instance)
    assert set(runs_of(read(dagster))) == {run_id}
    assert set(pipelines_of(dagster)) == {"sums"}


def test_the_pipelines_are_the_jobs_that_ran_with_the_graph_of_their_latest_run(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    create(instance, "sums")
    create(instance, "fails")
    pipelines = pipelines_of(dagster)
    assert set(pipelines) == {"sums", "fails"}
    tasks = {task.name: task for task in pipelines["sums"].tasks}
    assert tasks["double"].upstream == ("parts",)
    assert tasks["double"].is_mapped
    assert tasks["total"].upstream == ("double",)
    assert pipelines["sums"].version


def test_a_job_that_ran_long_ago_stays_known_as_long_as_its_runs_are_kept(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    create(instance)
    kept = Pipeline(PipelineKey("dagster_test", "gone/sums"), "dagster", "gone/sums")
    dropped = Pipeline(PipelineKey("dagster_test", "gone/never"), "dagster", "gone/never")
    known = {pipeline.key: pipeline for pipeline in (kept, dropped)}
    names = {pipeline.key.name for pipeline in dagster.read_catalogue(known).pipelines}
    assert names == {"sums", "gone/sums"}


def test_the_fingerprint_changes_with_the_jobs_and_not_with_their_runs(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    create(instance, "sums")
    before = dagster.read_fingerprint()
    create(instance, "sums")
    assert dagster.read_fingerprint() == before
    create(instance, "fails")
    assert dagster.read_fingerprint() != before


def test_a_backlog_is_read_page_by_page_and_nothing_is_read_again_after_a_stop(
    instance: dg.DagsterInstance,
) -> None:
    ids = {create_finished(instance) for _ in range(7)}
    with adapter_for(instance, page_size=2) as dagster:
        pages = dagster.read_changes(None, (), since=LONG_AGO)
        first = [next(pages), next(pages)]
        second = read(dagster, first[-1].cursor)
        assert set(runs_of(first)) | set(runs_of(second)) == ids
        assert not set(runs_of(first)) & set(runs_of(second))


def test_reading_goes_on_when_the_run_that_it_stopped_at_was_deleted(
    instance: dg.DagsterInstance,
) -> None:
    ids = [create_finished(instance) for _ in range(5)]
    with adapter_for(instance, page_size=2) as dagster:
        page = next(dagster.read_changes(None, (), since=LONG_AGO))
        instance.delete_run(page.runs[-1].key.run_id)
        rest = runs_of(read(dagster, page.cursor))
        assert set(ids[:3]) <= set(rest)


def test_an_open_run_is_read_until_it_is_deleted(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    run_id = create(instance)
    pages = read(dagster)
    assert runs_of(pages)[run_id].state is RunState.QUEUED
    key = runs_of(pages)[run_id].key
    later = read(dagster, pages[-1].cursor, (key,))
    assert run_id in runs_of(later)
    instance.delete_run(run_id)
    assert [page.gone for page in read(dagster, later[-1].cursor, (key,))] == [(), (key,)]


def test_a_run_that_is_open_for_longer_than_the_lookback_is_read(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    run_id = create(instance)
    horizon = datetime.now(UTC) + timedelta(days=1)
    pages = list(dagster.read_changes(None, (), since=horizon))
    assert set(runs_of(pages)) == {run_id}


def test_a_pass_over_nothing_new_is_one_empty_page(
    instance: dg.DagsterInstance, dagster: DagsterOrchestrator
) -> None:
    horizon = datetime.now(UTC) + timedelta(days=1)
    (page,) = dagster.read_changes(None, (), since=horizon)
    assert (page.runs, page.task_runs, page.gone) == ((), (), ())
    assert len(list(dagster.read_changes(page.cursor, (), since=horizon))) == 1


def test_only_what_the_globs_admit_is_read(instance: dg.DagsterInstance) -> None:
    shown = create(instance, "sums")
    create(instance, "fails")
    with adapter_for(instance, exclude=["fa*"]) as dagster:
        assert set(runs_of(read(dagster))) == {shown}
        assert set(pipelines_of(dagster)) == {"sums"}


def test_an_instance_from_within_starts_nothing_and_says_what_would(
    instance: dg.DagsterInstance,
) -> None:
    with adapter_for(instance, read_only=False) as dagster:
        with pytest.raises(ActingRefused, match="give its webserver's `url`"):
            dagster.check_may_start_runs()


def test_a_process_without_an_instance_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    config = InstanceConfig(name="dagster_test", type="dagster")
    with (
        DagsterOrchestrator(config) as dagster,
        pytest.raises(OrchestratorError, match="set DAGSTER_HOME, or give the `url`"),
    ):
        dagster.read_server()


def test_an_instance_from_dagster_home_is_opened_and_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    config = InstanceConfig(name="dagster_test", type="dagster")
    with DagsterOrchestrator(config) as dagster:
        assert dagster.read_server().version == dg.__version__
        assert dagster.read_catalogue({}).pipelines == ()
        dagster.close()
        assert dagster.read_catalogue({}).pipelines == ()
