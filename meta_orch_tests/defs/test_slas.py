"""The check `meets_sla`."""

from __future__ import annotations

import dagster as dg
import pytest

from meta_orch.config.models import SlaConfig
from meta_orch.defs import metadata
from meta_orch.defs.evaluations import MEETS_SLA
from meta_orch.defs.watching import SENSOR_NAME
from meta_orch.domain.states import RunState
from meta_orch_tests.defs.support import NAME, World

CHECK = dg.AssetCheckKey(dg.AssetKey([NAME, "orders"]), MEETS_SLA)


@pytest.fixture
def company(world: World) -> World:
    """Orders, of which half of the runs are to succeed."""
    world.slas = (SlaConfig(name="works", pipelines=f"{NAME}/orders", succeeds=True, target=0.5),)
    world.fake.add_pipeline("orders")
    world.fake.add_pipeline("refunds")
    world.tick()
    return world


def run(world: World, number: int, state: RunState = RunState.SUCCEEDED) -> None:
    world.wait(minutes=10)
    world.finish("orders", f"run_{number}", state)
    world.tick()


def look(world: World, definitions: dg.Definitions | None = None) -> str | None:
    sensor = (definitions or world.load()).resolve_sensor_def(SENSOR_NAME)
    result = sensor(dg.build_sensor_context(instance=world.dagster))
    assert isinstance(result, dg.SkipReason)
    return result.skip_message


def test_it_fails_once_the_budget_is_overspent_and_passes_again(company: World) -> None:
    location = company.load()
    run(company, 1)
    assert look(company, location) == ("2 checks, 0 of them fail; 2 changed")
    assert company.verdict(MEETS_SLA, "orders") is True
    run(company, 2, RunState.FAILED)
    assert look(company, location) == ("2 checks, 0 of them fail; 0 changed")
    run(company, 3, RunState.FAILED)
    look(company, location)
    assert company.verdict(MEETS_SLA, "orders") is False
    run(company, 4)
    look(company, location)
    assert company.verdict(MEETS_SLA, "orders") is True


def last_severity(world: World) -> dg.AssetCheckSeverity | None:
    (record,) = world.dagster.event_log_storage.get_asset_check_execution_history(CHECK, limit=1)
    event = record.event
    assert event is not None
    return event.dagster_event.asset_check_evaluation_data.severity  # type: ignore[union-attr]  # it is one


def test_what_is_made_good_becomes_a_warning_by_itself(company: World) -> None:
    location = company.load()
    for number in range(3):
        run(company, number, RunState.FAILED)
    look(company, location)
    assert last_severity(company) is dg.AssetCheckSeverity.ERROR
    run(company, 4)
    look(company, location)
    assert company.verdict(MEETS_SLA, "orders") is False
    assert last_severity(company) is dg.AssetCheckSeverity.WARN


def execute(world: World) -> dg.AssetCheckEvaluation:
    job = dg.define_asset_job("check", selection=dg.AssetSelection.checks(CHECK))
    definitions = dg.Definitions.merge(world.load(), dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("check").execute_in_process(instance=world.dagster)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_executed_by_hand_it_says_what_was_missed_and_by_which_run(company: World) -> None:
    run(company, 1)
    run(company, 2, RunState.FAILED)
    run(company, 3, RunState.FAILED)
    evaluation = execute(company)
    assert not evaluation.passed
    assert evaluation.severity is dg.AssetCheckSeverity.ERROR
    assert evaluation.description == (
        "works: met 1 of 3 times (33.3%, 50.0% wanted); last failed (run_3)"
    )
    assert evaluation.metadata[f"{metadata.SLA_SHARE}/works"].value == pytest.approx(1 / 3)
    assert "failed (run_2)" in str(evaluation.metadata[metadata.SLA_MISSES].value)


def test_what_is_made_good_is_a_warning_as_long_as_the_budget_is_overspent(
    company: World,
) -> None:
    for number in range(3):
        run(company, number, RunState.FAILED)
    run(company, 4)
    evaluation = execute(company)
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_only_pipelines_that_an_sla_names_have_it(company: World) -> None:
    checks = company.load().resolve_asset_graph().asset_check_keys
    assert {check for check in checks if check.name == MEETS_SLA} == {CHECK}


def test_without_slas_there_is_no_sensor(world: World) -> None:
    assert not [s for s in world.load().sensors or () if s.name == SENSOR_NAME]
