"""The check that the store is right, its job and its schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dagster import AssetCheckEvaluation, AssetCheckSeverity, DefaultScheduleStatus

from meta_orch.config import MetaOrchConfig
from meta_orch.config.models import ReconciliationConfig
from meta_orch.defs import build_definitions, metadata
from meta_orch.defs.names import reconciliation_name
from meta_orch.defs.reconciliation import STORE_MATCHES_SERVER, evaluate_reconciliation
from meta_orch.domain.time import Window
from meta_orch.orchestrators.base import Unreachable
from meta_orch.sync import Reconciliation
from meta_orch.testing.builders import NOON, make_run
from meta_orch_tests.defs.support import NAME, World


def execute(world: World, config: MetaOrchConfig | None = None) -> Any:
    defs = build_definitions(config or world.config, connect=world.connect, clock=world.now)
    job = defs.resolve_job_def(reconciliation_name(NAME))
    return job.execute_in_process(instance=world.dagster, raise_on_error=False)


def evaluation(world: World, config: MetaOrchConfig | None = None) -> AssetCheckEvaluation:
    (found,) = execute(world, config).get_asset_check_evaluations()
    return found


def fill(world: World) -> None:
    for number in range(3):
        world.finish("orders", f"run_{number}")
    world.tick()
    world.wait(hours=1)


def test_a_store_that_holds_what_the_server_has_passes(world: World) -> None:
    fill(world)
    found = evaluation(world)
    assert found.passed
    assert found.description == "The store holds the 3 runs of 1 pipelines that fake has."
    assert world.verdict(STORE_MATCHES_SERVER) is True


def test_what_differed_is_told_with_its_numbers_and_repaired(world: World) -> None:
    fill(world)
    world.fake.delete(world.fake.runs[0].key)

    found = evaluation(world)

    assert not found.passed
    assert found.severity is AssetCheckSeverity.WARN
    assert found.metadata[metadata.RUNS_GONE].value == 1
    assert found.metadata[metadata.RUNS_REPAIRED].value == 1
    assert "run_0" in str(found.metadata[metadata.DIFFERENCES])
    assert evaluation(world).passed


def test_what_ended_before_the_window_of_the_settings_is_not_compared(world: World) -> None:
    fill(world)
    world.fake.delete(world.fake.runs[0].key)
    settings = ReconciliationConfig(window=timedelta(minutes=30))
    config = world.config.model_copy(update={"reconciliation": settings})
    found = evaluation(world, config)
    assert found.passed
    assert found.metadata[metadata.RUNS_COMPARED].value == 0


def test_too_little_time_is_a_warning_and_what_could_not_be_repaired_an_error() -> None:
    window = Window(NOON, NOON)
    unfinished = evaluate_reconciliation(Reconciliation("fake", window, 1))
    unmended = evaluate_reconciliation(
        Reconciliation("fake", window, 1, gone=[make_run().key], is_complete=True)
    )
    assert (unfinished.passed, unfinished.severity) == (False, AssetCheckSeverity.WARN)
    assert (unmended.passed, unmended.severity) == (False, AssetCheckSeverity.ERROR)


def test_a_server_that_does_not_answer_fails_the_run_with_the_reason_and_gives_no_verdict(
    world: World,
) -> None:
    fill(world)
    evaluation(world)
    world.fake.fail_with(Unreachable(NAME, "nobody listens"))

    result = execute(world)

    assert not result.success
    (failed,) = result.get_step_failure_events()
    assert "nobody listens" in failed.step_failure_data.error_display_string
    assert world.verdict(STORE_MATCHES_SERVER) is None


def test_it_runs_by_the_cron_and_in_the_time_zone_of_the_settings(world: World) -> None:
    settings = ReconciliationConfig(cron="0 1 * * *", timezone="Asia/Tokyo")
    config = world.config.model_copy(update={"reconciliation": settings})
    defs = build_definitions(config, connect=world.connect)
    schedule = defs.resolve_schedule_def(reconciliation_name(NAME))
    assert schedule.cron_schedule == "0 1 * * *"
    assert schedule.execution_timezone == "Asia/Tokyo"
    assert schedule.default_status is DefaultScheduleStatus.RUNNING
