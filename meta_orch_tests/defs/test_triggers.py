"""Runs that triggers start, as runs of Dagster that follow them."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from meta_orch.config import EdgeConfig
from meta_orch.config.models import GateConfig, TriggerConfig
from meta_orch.defs.triggers import FIRING_TAG, SENSOR_NAME
from meta_orch.domain.actions import ActionKind, Outcome
from meta_orch.domain.logs import LogLine
from meta_orch.domain.overrides import Override
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron
from meta_orch.domain.triggers import Firing, FiringState
from meta_orch.orchestrators.base import ActingRefused, LoginRefused, Unreachable
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.defs.support import NAME, World


def trigger(**settings: Any) -> TriggerConfig:
    return TriggerConfig.model_validate(
        {
            "name": "report_after_orders",
            "when": {"all": [f"{NAME}/orders"]},
            "run": f"{NAME}/report",
            "parameters": {"orders": "{{ upstream.run_id }}"},
            **settings,
        }
    )


@pytest.fixture
def company(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Orders, and a report that they start; what was before the trigger does not count."""
    monkeypatch.setattr("meta_orch.defs.following.POLL", timedelta(0))
    monkeypatch.setattr("meta_orch.defs.following.LAST_LINES", timedelta(0))
    # Dagster's own times are of today.
    world.fake = FakeOrchestrator(NAME, now=datetime.now(UTC))
    world.triggers = (trigger(),)
    world.fake.add_pipeline("report")
    world.finish("orders", "before")
    world.tick()
    assert requests(world) == []
    world.wait(minutes=1)
    return world


def look(world: World) -> dg.SensorResult:
    sensor = world.load().resolve_sensor_def(SENSOR_NAME)
    result = sensor(dg.build_sensor_context(instance=world.dagster))
    assert isinstance(result, dg.SensorResult)
    return result


def requests(world: World) -> list[dg.RunRequest]:
    return list(look(world).run_requests or ())


def launch(world: World, request: dg.RunRequest, **options: Any) -> dg.ExecuteInProcessResult:
    """As the daemon does."""
    job = world.load().resolve_job_def(str(request.job_name))
    return job.execute_in_process(
        run_config=request.run_config, instance=world.dagster, tags=dict(request.tags), **options
    )


def let_it_end(
    world: World, monkeypatch: pytest.MonkeyPatch, state: RunState = RunState.SUCCEEDED
) -> None:
    """The started run ends when it is looked at for the third time."""
    read, looks = world.fake.read_runs, []

    def read_runs(keys: list[RunKey]) -> Any:
        looks.append(keys)
        if len(looks) == 3:
            world.fake.finish_run(keys[0], state)
        return read(keys)

    monkeypatch.setattr(world.fake, "read_runs", read_runs)


def started(world: World) -> list[Run]:
    return [run for run in world.fake.runs if run.key.pipeline.name == "report"]


def firing(world: World) -> Firing:
    with world.store.read() as reader:
        (found,) = reader.triggers.firings()
    return found


def succeed(world: World, run_id: str = "orders_1") -> None:
    world.finish("orders", run_id)
    world.tick()


def test_a_success_asks_for_one_run_with_its_key(company: World) -> None:
    succeed(company)
    (request,) = requests(company)
    assert request.run_key == firing(company).id
    assert request.job_name == f"{NAME}__report"
    assert request.tags[FIRING_TAG] == firing(company).id
    assert firing(company).parameters == {"orders": "orders_1"}


def test_until_it_is_launched_it_is_asked_for_by_the_same_key(company: World) -> None:
    """So that a daemon that dies in between launches it once."""
    succeed(company)
    (first,) = requests(company)
    (again,) = requests(company)
    assert first.run_key == again.run_key


def test_the_dagster_run_follows_it_to_its_end(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(company)
    (request,) = requests(company)
    let_it_end(company, monkeypatch)
    result = launch(company, request)
    assert result.success
    (run,) = started(company)
    assert run.parameters == {"orders": "orders_1"}
    assert firing(company).state is FiringState.SUCCEEDED
    assert firing(company).run_id == run.key.run_id
    assert requests(company) == []
    with company.store.read() as reader:
        (action,) = reader.actions()
    assert (action.kind, action.outcome) == (ActionKind.START_RUN, Outcome.DONE)
    assert action.by == "trigger report_after_orders"
    assert action.reason == "fake/orders succeeded"
    assert action.through == f"Dagster run {result.run_id}"


def test_what_it_says_on_its_way_is_in_the_log(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(company)
    (request,) = requests(company)
    let_it_end(company, monkeypatch)
    result = launch(company, request)
    log = [entry.user_message for entry in company.dagster.all_logs(result.run_id)]
    assert any(line.startswith("fake has run requested__") for line in log)
    assert "The run is running" in log
    assert "The run is succeeded" in " ".join(log)


def test_a_run_that_fails_fails_the_dagster_run_and_is_not_tried_again(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(company)
    (request,) = requests(company)
    let_it_end(company, monkeypatch, RunState.FAILED)
    assert not launch(company, request, raise_on_error=False).success
    assert firing(company).state is FiringState.FAILED
    company.wait(hours=1)
    assert requests(company) == []


def test_a_dagster_run_that_dies_is_followed_by_another_that_takes_up_the_same_run(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(company)
    (request,) = requests(company)
    with monkeypatch.context() as patch:
        patch.setattr(company.fake, "read_runs", _die)
        assert not launch(company, request, raise_on_error=False).success
    assert firing(company).state is FiringState.STARTED
    (again,) = requests(company)
    assert again.run_key != request.run_key
    let_it_end(company, monkeypatch)
    assert launch(company, again).success
    assert len(started(company)) == 1
    assert firing(company).state is FiringState.SUCCEEDED


def _die(_: object) -> None:
    raise RuntimeError("as if the process was gone")


def test_an_orchestrator_that_is_away_is_asked_again_later_each_time(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(company)
    (request,) = requests(company)
    company.fake.fail_with(Unreachable(NAME, "nothing answers"))
    assert not launch(company, request, raise_on_error=False).success
    company.fake.recover()
    assert firing(company).state is FiringState.PLANNED
    (again,) = requests(company)
    let_it_end(company, monkeypatch)
    assert launch(company, again).success


def test_what_the_orchestrator_refuses_is_not_asked_for_again(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ActingRefused(NAME, "the pipeline takes no parameters")

    succeed(company)
    (request,) = requests(company)
    monkeypatch.setattr(company.fake, "start_run", refuse)
    assert not launch(company, request, raise_on_error=False).success
    assert firing(company).state is FiringState.REFUSED
    assert "takes no parameters" in str(firing(company).message)
    assert requests(company) == []


def test_to_cancel_the_dagster_run_cancels_what_it_follows(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(company)
    (request,) = requests(company)

    def interrupt(_: object) -> None:
        (run,) = company.dagster.get_runs(dg.RunsFilter(tags={FIRING_TAG: firing(company).id}))
        company.dagster.report_run_canceling(run)
        raise dg.DagsterExecutionInterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(company.fake, "read_runs", interrupt)
        with pytest.raises(dg.DagsterExecutionInterruptedError):
            launch(company, request)
    (run,) = started(company)
    assert run.state is RunState.CANCELED
    assert firing(company).state is FiringState.CANCELED
    assert requests(company) == []


def test_a_process_that_is_stopped_leaves_the_run_to_the_next(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise dg.DagsterExecutionInterruptedError

    succeed(company)
    (request,) = requests(company)
    with monkeypatch.context() as patch:
        patch.setattr(company.fake, "read_runs", interrupt)
        with pytest.raises(dg.DagsterExecutionInterruptedError):
            launch(company, request)
    (run,) = started(company)
    assert not run.state.is_terminal
    assert firing(company).state is FiringState.STARTED


def test_a_failure_starts_what_waits_for_failures(company: World) -> None:
    company.triggers = (trigger(state="failure"),)
    succeed(company)
    assert requests(company) == []
    company.finish("orders", "orders_2", RunState.FAILED)
    company.tick()
    assert len(requests(company)) == 1
    assert firing(company).reason == "fake/orders failed"


def test_being_late_starts_what_waits_for_that_once_for_a_tick(company: World) -> None:
    company.triggers = (trigger(state="late", late_after="30m", parameters={}),)
    due_at = company.now() + timedelta(minutes=20)
    company.fake.add_pipeline("orders", schedules=(cron(f"{due_at.minute} * * * *"),))
    company.tick()
    company.wait(minutes=45)
    company.tick()
    assert requests(company) == []
    company.wait(minutes=10)
    company.tick()
    assert len(requests(company)) == 1
    company.wait(minutes=5)
    requests(company)
    assert firing(company).reason == "fake/orders is late"


def test_an_asset_of_dagsters_own_starts_what_waits_for_it(company: World) -> None:
    company.triggers = (trigger(when={"any": ["lake/orders"]}, parameters={}),)
    requests(company)

    @dg.asset(key_prefix="lake", name="orders")
    def lake_orders() -> None: ...

    dg.materialize([lake_orders], instance=company.dagster)
    assert len(requests(company)) == 1
    assert firing(company).reason == "lake/orders succeeded"


def test_a_check_starts_what_waits_for_its_outcome(company: World) -> None:
    company.triggers = (
        trigger(when={"any": ["lake/orders"]}, check="complete", state="failure", parameters={}),
    )
    requests(company)

    @dg.asset_check(asset=dg.AssetKey(["lake", "orders"]))
    def complete() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    @dg.asset(key_prefix="lake", name="orders")
    def lake_orders() -> None: ...

    dg.materialize([lake_orders, complete], instance=company.dagster)
    assert len(requests(company)) == 1
    requests(company)
    assert firing(company).reason == "lake/orders failed"


def test_a_dry_run_starts_nothing(company: World) -> None:
    company.acting = "dry-run"
    succeed(company)
    assert requests(company) == []
    assert firing(company).state is FiringState.DRY_RUN


def test_without_triggers_there_is_no_sensor(world: World) -> None:
    assert not [s for s in world.load().sensors or () if s.name == SENSOR_NAME]


def test_a_dagster_run_that_gives_no_sign_of_life_is_given_up_and_another_follows(
    company: World,
) -> None:
    succeed(company)
    (request,) = requests(company)
    job = company.load().resolve_job_def(str(request.job_name))
    silent = company.dagster.create_run_for_job(
        job, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED
    )
    followed = replace(firing(company), state=FiringState.STARTED, followed_at=company.now())
    with company.store.write() as writer:
        writer.triggers.save(followed)
    company.wait(minutes=2)
    assert requests(company) == []
    company.wait(minutes=2)
    (again,) = requests(company)
    assert again.run_key != request.run_key
    run = company.dagster.get_run_by_id(silent.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_a_dagster_run_that_died_after_what_it_followed_had_ended_is_failed_and_none_follows(
    company: World,
) -> None:
    succeed(company)
    (request,) = requests(company)
    job = company.load().resolve_job_def(str(request.job_name))
    silent = company.dagster.create_run_for_job(
        job, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED
    )
    company.wait(minutes=120)
    ended = replace(firing(company), state=FiringState.SUCCEEDED, followed_at=company.now())
    with company.store.write() as writer:
        writer.triggers.save(ended)

    def status() -> dg.DagsterRunStatus | None:
        run = company.dagster.get_run_by_id(silent.run_id)
        return run and run.status

    company.wait(minutes=2)
    assert requests(company) == []
    assert status() is dg.DagsterRunStatus.STARTED
    company.wait(minutes=2)
    assert requests(company) == []
    assert status() is dg.DagsterRunStatus.FAILURE
    assert firing(company).state is FiringState.SUCCEEDED


def test_a_dagster_run_that_was_made_and_not_launched_is_launched_by_its_key(
    company: World,
) -> None:
    """As a daemon leaves it that dies in between."""
    succeed(company)
    (request,) = requests(company)
    job = company.load().resolve_job_def(str(request.job_name))
    company.dagster.create_run_for_job(job, tags=dict(request.tags))
    (again,) = requests(company)
    assert again.run_key == request.run_key


def test_to_cancel_the_dagster_run_before_it_has_started_anything_is_the_end_of_it(
    company: World,
) -> None:
    succeed(company)
    (request,) = requests(company)
    job = company.load().resolve_job_def(str(request.job_name))
    company.dagster.create_run_for_job(
        job, tags=dict(request.tags), status=dg.DagsterRunStatus.CANCELED
    )
    assert requests(company) == []
    assert firing(company).state is FiringState.CANCELED
    assert started(company) == []


def gate_the_report(company: World, **settings: Any) -> None:
    """It needs the prices, which failed."""
    company.edges = (EdgeConfig(upstream=f"{NAME}/prices", downstream=f"{NAME}/report"),)
    company.gates = (GateConfig(downstream=f"{NAME}/report", **settings),)
    company.finish("prices", "prices_1", RunState.FAILED)


def test_what_is_triggered_waits_for_its_gate(company: World) -> None:
    gate_the_report(company)
    succeed(company)
    assert requests(company) == []
    assert firing(company).state is FiringState.WAITING
    assert str(firing(company).message).startswith("hold: fake/prices failed at")
    company.wait(minutes=5)
    company.finish("prices", "prices_2")
    company.tick()
    (request,) = requests(company)
    assert request.run_key == firing(company).id
    assert firing(company).state is FiringState.PLANNED


def test_what_the_run_logs_is_in_the_log_of_the_dagster_run_that_follows_it(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(company)
    (request,) = requests(company)
    read = company.fake.read_runs

    def read_runs(keys: list[RunKey]) -> Any:
        number = company.fake.calls.count("read_runs")
        company.fake.say(keys[0], LogLine(f"{number} rows", logging.WARNING, task="load"))
        return read(keys)

    monkeypatch.setattr(company.fake, "read_runs", read_runs)
    let_it_end(company, monkeypatch)
    result = launch(company, request)
    entries = [e for e in company.dagster.all_logs(result.run_id) if "rows" in e.user_message]
    assert [e.user_message for e in entries] == ["load: 0 rows", "load: 1 rows", "load: 2 rows"]
    assert {e.level for e in entries} == {logging.WARNING}


def test_a_log_that_cannot_be_read_is_told_once_and_the_run_is_followed(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise LoginRefused(NAME, "the login may not read logs")

    succeed(company)
    (request,) = requests(company)
    monkeypatch.setattr(company.fake, "read_log", refuse)
    let_it_end(company, monkeypatch)
    result = launch(company, request)
    assert result.success
    log = [entry.user_message for entry in company.dagster.all_logs(result.run_id)]
    assert len([line for line in log if line.startswith("Its own log is not shown")]) == 1


def test_of_a_long_log_the_beginning_is_shown_and_where_the_rest_is(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meta_orch.defs.following.MOST_LINES", 5)
    succeed(company)
    (request,) = requests(company)
    key = RunKey(PipelineKey(NAME, "report"), f"requested__trigger {firing(company).id}")
    company.fake.say(key, *map(str, range(9)))
    let_it_end(company, monkeypatch)
    result = launch(company, request)
    log = [entry.user_message for entry in company.dagster.all_logs(result.run_id)]
    assert [line for line in log if line.isdecimal()] == ["0", "1", "2", "3", "4"]
    assert len([line for line in log if line.startswith("Its own log goes on: http")]) == 1


def test_what_its_gate_skips_is_not_started(company: World) -> None:
    gate_the_report(company, on_failure="skip")
    succeed(company)
    assert requests(company) == []
    assert firing(company).state is FiringState.REFUSED
    assert str(firing(company).message).startswith("its gate skips it: fake/prices failed at")


def test_what_is_triggered_is_held_for_no_longer_than_its_gate_says(company: World) -> None:
    gate_the_report(company, hold_at_most=timedelta(hours=2))
    succeed(company)
    company.wait(hours=1)
    assert requests(company) == []
    company.wait(hours=2)
    assert len(requests(company)) == 1


def test_an_override_lets_what_is_triggered_run(company: World) -> None:
    gate_the_report(company)
    succeed(company)
    assert requests(company) == []
    now = company.now()
    said = Override((NAME, "report"), "ada", "the prices are right", now, now + timedelta(hours=1))
    with company.store.write() as writer:
        writer.save_override(said)
    assert len(requests(company)) == 1


def test_what_a_failure_starts_does_not_wait_for_the_gate_that_it_closes(company: World) -> None:
    gate_the_report(company)
    company.triggers = (trigger(when={"any": [f"{NAME}/prices"]}, state="failure"),)
    company.tick()
    assert len(requests(company)) == 1
