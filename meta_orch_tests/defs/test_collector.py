from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
)

from meta_orch.config import InstanceConfig
from meta_orch.defs import backlog, collector
from meta_orch.defs.collector import CollectorFailed
from meta_orch.defs.evaluations import COLLECTOR_IS_FRESH, LAST_RUN_SUCCEEDED
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import ServerFailed, Unreachable
from meta_orch.testing.builders import make_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.defs.support import NAME, World


@pytest.fixture(autouse=True)
def few_fit_in_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "AT_ONCE", 3)


DOWN = Unreachable(NAME, "nothing answers at http://fake.example: is the server up?")


def test_a_tick_reads_stores_and_mirrors_what_finished(world: World) -> None:
    world.finish("orders")
    world.finish("refunds", state=RunState.FAILED)

    result = world.tick()

    assert isinstance(result, SkipReason)
    assert result.skip_message is not None
    assert result.skip_message.startswith(
        "2 runs read, caught up; 0 in progress; 0 pipelines; 2 mirrored"
    )
    assert sorted(run.status.value for run in world.dagster.get_runs()) == ["FAILURE", "SUCCESS"]
    assert world.verdict(LAST_RUN_SUCCEEDED, "orders") is True
    assert world.verdict(LAST_RUN_SUCCEEDED, "refunds") is False
    assert world.verdict(COLLECTOR_IS_FRESH, "orders") is True
    assert world.verdict(COLLECTOR_IS_FRESH) is True


def test_a_quiet_tick_launches_and_mirrors_nothing(world: World) -> None:
    world.finish("orders")
    world.tick()
    before = len(world.dagster.get_runs())

    assert world.said() == "0 runs read, caught up; 0 in progress; 1 pipelines; 0 mirrored"
    assert len(world.dagster.get_runs()) == before


def test_a_failed_run_is_mirrored_once_even_when_the_store_forgot_that_it_was(
    world: World,
) -> None:
    world.finish("orders", state=RunState.FAILED)
    world.tick()
    world.store.path.unlink()

    world.tick()

    assert len(world.dagster.get_runs()) == 1


def test_a_run_that_was_cleared_and_ran_again_is_shown_with_both_outcomes(world: World) -> None:
    failed = world.finish("orders", state=RunState.FAILED)
    world.tick()
    world.fake.clear(failed.key)
    assert "1 in progress" in world.said()
    world.wait(minutes=3)
    world.fake.finish_run(failed.key)

    world.tick()

    assert [run.status.value for run in world.dagster.get_runs()] == ["SUCCESS", "FAILURE"]
    assert world.verdict(LAST_RUN_SUCCEEDED, "orders") is True


def test_what_runs_now_is_on_the_instances_asset_and_told_only_when_it_changes(
    world: World,
) -> None:
    pipeline = world.fake.add_pipeline("orders")
    world.fake.add_run(make_run("going", pipeline, RunState.RUNNING, started_at=world.now()))
    for _ in range(3):
        world.tick()

    def told_so_far() -> list[dict[str, object]]:
        found = world.dagster.fetch_materializations(AssetKey([NAME]), limit=10)
        return [
            {key: value.value for key, value in record.asset_materialization.metadata.items()}
            for record in found.records
            if record.asset_materialization
        ]

    (told,) = told_so_far()
    assert told["meta_orch/running"] == 1
    assert "orders" in str(told["meta_orch/runs_in_progress"])

    world.fake.finish_run(make_run("going", pipeline).key)
    world.tick()
    assert [told["meta_orch/running"] for told in told_so_far()] == [0, 1]


def test_a_server_that_does_not_answer_fails_the_tick_with_what_to_do(world: World) -> None:
    world.finish("orders")
    world.tick()
    world.fake.fail_with(DOWN)

    with pytest.raises(CollectorFailed) as failed:
        world.tick()

    assert str(failed.value) == str(DOWN)
    assert world.verdict(COLLECTOR_IS_FRESH) is True, "a server may restart in a minute"


def test_what_was_read_before_the_server_went_away_is_shown(world: World) -> None:
    world.fake.page_size = 1
    for number in range(3):
        world.finish("orders", f"run_{number}")
    world.fake.fail_with(DOWN, after_pages=2)
    with pytest.raises(CollectorFailed):
        world.tick()
    # The catalogue could not be read either, so nothing is known to show the runs on.
    assert world.statuses() == {}
    world.fake.recover()
    world.tick()
    assert set(world.statuses()) == {"run_0", "run_1", "run_2"}


def test_stale_is_not_green_and_the_next_good_tick_mends_it(world: World) -> None:
    world.finish("orders")
    world.tick()
    world.fake.fail_with(DOWN)
    world.wait(minutes=6)
    with pytest.raises(CollectorFailed):
        world.tick()

    assert world.verdict(COLLECTOR_IS_FRESH) is False
    assert world.verdict(COLLECTOR_IS_FRESH, "orders") is False
    assert world.verdict(LAST_RUN_SUCCEEDED, "orders") is True

    world.fake.recover()
    world.tick()
    assert world.verdict(COLLECTOR_IS_FRESH, "orders") is True
    assert world.verdict(COLLECTOR_IS_FRESH) is True


def test_a_server_that_stays_silent_is_left_alone_for_a_while_and_then_tried_once(
    world: World,
) -> None:
    world.finish("orders")
    world.tick()
    world.fake.fail_with(DOWN)
    for _ in range(3):
        with pytest.raises(CollectorFailed):
            world.tick()
    asked = len(world.fake.calls)

    assert "left alone until" in world.said()
    assert str(DOWN) in world.said()
    assert len(world.fake.calls) == asked

    world.wait(minutes=6)
    with pytest.raises(CollectorFailed):
        world.tick()
    assert len(world.fake.calls) > asked
    assert world.verdict(COLLECTOR_IS_FRESH) is False, "what is old is not fresh, asked or not"

    world.fake.recover()
    world.wait(minutes=11)
    world.tick()
    assert world.verdict(COLLECTOR_IS_FRESH) is True


def test_while_a_server_is_left_alone_what_is_stored_goes_stale_all_the_same(world: World) -> None:
    world.finish("orders")
    world.tick()
    world.fake.fail_with(ServerFailed(NAME, "busy", retry_after=timedelta(hours=1)))
    with pytest.raises(CollectorFailed):
        world.tick()
    world.wait(minutes=6)
    assert "left alone until" in world.said()
    assert world.verdict(COLLECTOR_IS_FRESH) is False


def test_more_than_fits_in_a_tick_is_one_job_run(world: World) -> None:
    for number in range(collector.AT_ONCE + 1):
        world.finish(f"pipeline_{number}")

    first, repeated = world.tick(), world.tick()

    assert isinstance(first, RunRequest)
    assert isinstance(repeated, RunRequest)
    assert first.run_key == repeated.run_key, "Dagster launches one run for a key"
    assert world.statuses() == {}


def test_a_server_that_is_away_does_not_keep_the_job_from_what_the_store_holds(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(collector.AT_ONCE + 1):
        world.finish(f"pipeline_{number}")
    world.tick()
    world.fake.fail_with(DOWN)
    assert isinstance(world.tick(), RunRequest)
    assert str(DOWN) in capsys.readouterr().err


def run_backlog_job(world: World) -> None:
    job = world.load().resolve_job_def(f"{NAME}__mirror_backlog")
    assert job.execute_in_process(instance=world.dagster).success


def test_the_job_mirrors_all_of_it_and_the_ticks_go_on(world: World) -> None:
    for number in range(collector.AT_ONCE + 1):
        world.finish(f"pipeline_{number:02}")
    request = world.tick()
    assert isinstance(request, RunRequest)

    run_backlog_job(world)

    assert (
        len([run for run in world.dagster.get_runs() if "meta_orch/run_id" in run.tags])
        == collector.AT_ONCE + 1
    )
    assert "0 mirrored" in world.said()
    for number in range(collector.AT_ONCE + 1):
        world.finish(f"pipeline_{number:02}", "next")
    again = world.tick()
    assert isinstance(again, RunRequest)
    assert again.run_key != request.run_key


def test_while_the_job_runs_ticks_leave_the_backlog_to_it(world: World) -> None:
    world.finish("orders")
    job = world.load().resolve_job_def(f"{NAME}__mirror_backlog")
    run = world.dagster.create_run_for_job(job, status=DagsterRunStatus.STARTED)

    assert f"run {run.run_id[:8]} mirrors a backlog" in world.said()
    assert world.statuses() == {}


def test_after_a_job_that_failed_ticks_work_the_backlog_off_themselves(world: World) -> None:
    job = world.load().resolve_job_def(f"{NAME}__mirror_backlog")
    run = world.dagster.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    world.dagster.report_run_failed(run)
    record = world.dagster.get_run_record_by_id(run.run_id)
    assert record
    assert record.end_time
    world.wait(seconds=record.end_time - world.now().timestamp())
    for number in range(collector.AT_ONCE + 1):
        world.finish(f"pipeline_{number:02}")

    assert f"{collector.AT_ONCE} mirrored, more to come" in world.said()
    assert world.said().endswith("1 mirrored")


def test_a_tick_stops_within_its_budget_and_the_next_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        world.finish(f"pipeline_{number}")

    def slow_mirror(*args: object) -> bool:
        world.wait(seconds=30)
        return mirror(*args)  # type: ignore[arg-type]

    mirror = backlog.mirror
    monkeypatch.setattr(backlog, "mirror", slow_mirror)

    assert "2 mirrored, more to come" in world.said()
    assert world.said().endswith("1 mirrored")
    assert len(world.dagster.get_runs()) == 3


def test_an_older_run_does_not_take_the_place_of_a_newer_one(world: World) -> None:
    """A first load may bring the newest run of each pipeline before the older ones."""
    newest = world.finish("orders", "newest")
    world.tick()
    world.fake.add_run(
        replace(
            newest,
            key=replace(newest.key, run_id="older"),
            state=RunState.FAILED,
            ended_at=world.now() - timedelta(days=1),
            started_at=world.now() - timedelta(days=2),
        )
    )
    world.tick()

    assert world.statuses() == {"newest": "SUCCESS", "older": "FAILURE"}
    assert world.verdict(LAST_RUN_SUCCEEDED, "orders") is True


def test_only_the_last_runs_of_each_pipeline_are_mirrored(world: World) -> None:
    world.history = 2
    for number in range(4):
        world.wait(minutes=5)
        world.finish("orders", f"run_{number}")
    world.tick()
    assert set(world.statuses()) == {"run_2", "run_3"}


def test_two_processes_do_not_mirror_at_once(world: World) -> None:
    world.finish("orders")
    world.tick()
    world.finish("orders", "next")
    made = world.load()
    with backlog.FileLock(world.folder / f".mirror_{NAME}.lock"):
        result = world.tick(made)
    assert isinstance(result, SkipReason)
    assert "another process mirrors" in (result.skip_message or "")
    assert set(world.statuses()) == {"run"}


def test_one_adapter_serves_every_tick_until_one_fails(world: World) -> None:
    made: list[FakeOrchestrator] = []

    def connect(_config: InstanceConfig, _dagster: DagsterInstance) -> FakeOrchestrator:
        made.append(FakeOrchestrator(NAME))
        return made[-1]

    defs = world.load(connect=connect)
    world.tick(defs)
    world.tick(defs)
    assert [adapter.is_closed for adapter in made] == [False]
    made[0].fail_with(DOWN)
    with pytest.raises(CollectorFailed):
        world.tick(defs)
    world.tick(defs)
    assert [adapter.is_closed for adapter in made] == [True, False]
