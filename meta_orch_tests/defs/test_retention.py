"""The job that prunes the store."""

from __future__ import annotations

from datetime import timedelta

from dagster import DefaultScheduleStatus

from meta_orch.config import MetaOrchConfig, StoreConfig
from meta_orch.config.models import Retention
from meta_orch.defs import build_definitions, metadata
from meta_orch.defs.retention import JOB_NAME
from meta_orch_tests.defs.support import World


def configured(world: World, retention: Retention) -> MetaOrchConfig:
    store = StoreConfig(path=world.config.store.path, retention=retention)
    return world.config.model_copy(update={"store": store})


def test_it_removes_what_is_older_than_the_store_keeps_and_says_how_much(world: World) -> None:
    world.finish("orders", "old")
    world.wait(days=9)
    world.finish("orders", "new")
    with world.store.write() as writer:
        writer.save_changes(
            "fake",
            next(world.fake.read_changes(None, (), since=world.now() - timedelta(days=30))),
            world.now(),
        )
    config = configured(world, Retention(runs=timedelta(days=7), last_runs=1))
    job = build_definitions(config, connect=world.connect, clock=world.now).resolve_job_def(
        JOB_NAME
    )

    result = job.execute_in_process(instance=world.dagster)

    said = result.get_step_success_events()
    assert said
    (output,) = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    assert output.step_output_data.metadata[metadata.RUNS_REMOVED].value == 1
    with world.store.read() as reader:
        assert reader.answer("SELECT run_id FROM runs").rows == (("new",),)


def test_it_runs_by_the_cron_and_in_the_time_zone_of_the_settings(world: World) -> None:
    config = configured(world, Retention(cron="0 5 * * 1", timezone="Europe/Berlin"))
    schedule = build_definitions(config, connect=world.connect).resolve_schedule_def(JOB_NAME)
    assert schedule.cron_schedule == "0 5 * * 1"
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.default_status is DefaultScheduleStatus.RUNNING
