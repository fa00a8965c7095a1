"""The checks of what is at risk, and of what is usual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from meta_orch.config.models import AnalyticsConfig, SlaConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics import JOB_NAME
from meta_orch.defs.analytics.predictions import PREDICTIONS_KEY
from meta_orch.defs.evaluations import DURATION_IS_NORMAL, NOT_AT_RISK, STARTS_ON_SCHEDULE
from meta_orch.defs.watching import SENSOR_NAME
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.ticks import cron
from meta_orch.testing.builders import make_pipeline, make_run
from meta_orch_tests.defs.support import NAME, World

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def company(world: World) -> World:
    """Orders, which twice a day took some ten minutes, ten times until yesterday. It is before six
    in the morning."""
    world.slas = (
        SlaConfig(name="by_half_past", pipelines=f"{NAME}/orders", finish_by="30 6,18 * * *"),
    )
    world.analytics = AnalyticsConfig(watched=("*/orders",))
    begin = datetime.combine(world.now() + DAY, datetime.min.time(), UTC)
    world.fake.advance(begin + 5 * 60 * MINUTE + 50 * MINUTE - world.now())
    orders = make_pipeline("orders", NAME, schedules=(cron("0 6,18 * * *"),))
    world.fake.add_pipeline(orders)
    world.fake.add_pipeline("refunds")
    for number in range(10, 0, -1):
        at = six(world) - number * DAY / 2
        run(world, orders, f"run_{number}", at, 10 + number % 3)
    world.tick()
    return world


def six(world: World) -> datetime:
    return world.now().replace(hour=6, minute=0, second=0, microsecond=0)


def run(world: World, orders: Pipeline, run_id: str, at: datetime, minutes: float | None) -> None:
    world.fake.add_run(
        make_run(
            run_id,
            orders,
            RunState.RUNNING if minutes is None else RunState.SUCCEEDED,
            trigger=RunTrigger.SCHEDULE,
            scheduled_at=at,
            queued_at=at,
            started_at=at,
            ended_at=None if minutes is None else at + minutes * MINUTE,
        )
    )


def look(world: World) -> dict[str, bool | None]:
    sensor = world.load().resolve_sensor_def(SENSOR_NAME)
    assert isinstance(sensor(dg.build_sensor_context(instance=world.dagster)), dg.SkipReason)
    checks = (NOT_AT_RISK, DURATION_IS_NORMAL, STARTS_ON_SCHEDULE)
    return {check: world.verdict(check, "orders") for check in checks}


def evaluation(world: World, check: str) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(dg.AssetKey([NAME, "orders"]), check)
    job = dg.define_asset_job("check", selection=dg.AssetSelection.checks(key))
    definitions = dg.Definitions.merge(world.load(), dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("check").execute_in_process(instance=world.dagster)
    (found,) = result.get_asset_check_evaluations()
    return found


def test_before_anything_is_wrong_all_pass(company: World) -> None:
    assert look(company) == dict.fromkeys(
        (NOT_AT_RISK, DURATION_IS_NORMAL, STARTS_ON_SCHEDULE), True
    )


def test_a_run_that_takes_long_is_not_normal_and_puts_the_deadline_at_risk(
    company: World,
) -> None:
    orders = company.fake.add_pipeline("orders")
    began = six(company)
    company.wait(minutes=34)
    run(company, orders, "today", began, None)
    company.tick()
    assert look(company) == {
        NOT_AT_RISK: False,
        DURATION_IS_NORMAL: False,
        STARTS_ON_SCHEDULE: True,
    }
    found = evaluation(company, NOT_AT_RISK)
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.description is not None
    assert found.description.startswith("by_half_past: expected at ")
    # Longer than any before, and six minutes are left.
    assert found.metadata[metadata.RISK].value == 0.64
    assert found.metadata[metadata.DECIDED_BY].value == "fake/orders"
    said = evaluation(company, DURATION_IS_NORMAL)
    assert said.description == "today has been running for 24 min; usually 11 min"


def test_a_risk_that_grows_is_told_again_so_that_its_history_can_be_seen(company: World) -> None:
    orders = company.fake.add_pipeline("orders")
    began = six(company)
    company.wait(minutes=11)
    run(company, orders, "today", began, None)
    sensor = company.load().resolve_sensor_def(SENSOR_NAME)
    key = dg.AssetCheckKey(dg.AssetKey([NAME, "orders"]), NOT_AT_RISK)
    for _ in range(6):
        company.tick()
        assert isinstance(sensor(dg.build_sensor_context(instance=company.dagster)), dg.SkipReason)
        company.wait(minutes=4)
    history = company.dagster.event_log_storage.get_asset_check_execution_history(key, limit=20)
    risks: list[Any] = [
        event.dagster_event.asset_check_evaluation_data.metadata[metadata.RISK].value  # type: ignore[union-attr]  # it is one
        for record in reversed(history)
        if (event := record.event) is not None
    ]
    assert risks[0] == 0
    assert risks == sorted(risks)
    assert len(risks) > 2


def test_a_run_that_is_over_too_soon_is_not_normal_either(company: World) -> None:
    company.wait(minutes=11)
    run(company, company.fake.add_pipeline("orders"), "today", six(company), 0.5)
    company.tick()
    assert look(company)[DURATION_IS_NORMAL] is False
    assert evaluation(company, DURATION_IS_NORMAL).description == "today took 30 s; usually 11 min"


def test_a_run_that_does_not_come_has_not_started_on_schedule(company: World) -> None:
    company.wait(minutes=16)
    company.tick()
    found = look(company)
    assert found[STARTS_ON_SCHEDULE] is False
    said = evaluation(company, STARTS_ON_SCHEDULE).description
    assert said == f"no run has begun for {six(company):%Y-%m-%d %H:%M} UTC"
    # It comes late after all.
    run(company, company.fake.add_pipeline("orders"), "today", six(company), None)
    company.tick()
    assert look(company)[STARTS_ON_SCHEDULE] is True


def test_what_is_not_watched_nor_promised_has_none_of_them(company: World) -> None:
    graph = company.load().resolve_asset_graph()
    checks = {
        check.name for check in graph.asset_check_keys if check.asset_key.path[-1] == "refunds"
    }
    assert not checks & {NOT_AT_RISK, DURATION_IS_NORMAL, STARTS_ON_SCHEDULE}


def test_an_asset_tells_how_good_the_predictions_would_have_been(company: World) -> None:
    job = company.load().resolve_job_def(JOB_NAME)
    result = job.execute_in_process(instance=company.dagster)
    (made,) = result.asset_materializations_for_node(PREDICTIONS_KEY.to_python_identifier())
    assert made.metadata[metadata.RUNS_ANALYSED].value == 5
    assert "| fake/orders | 5 | nothing |" in str(made.metadata[metadata.WORST_PREDICTED].value)
    assert isinstance(made.metadata[metadata.COVERAGE].value, float)
