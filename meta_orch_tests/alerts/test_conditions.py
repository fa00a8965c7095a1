"""What is wrong, and how grave it is: every condition that there is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meta_orch.alerts.grading import BASE
from meta_orch.analytics.staggering.refreshing import refresh_contention
from meta_orch.config.resources import ResourceConfig
from meta_orch.domain.alerts import Condition, Severity
from meta_orch.domain.health import Problem, ProblemKind
from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron
from meta_orch_tests.alerts.support import DAY, HOUR, MINUTE, Company

HOURLY = (cron("0 * * * *"),)


def conditions(company: Company) -> dict[str, Severity]:
    """What is wrong now, with how grave."""
    company.look()
    with company.store.read() as reader:
        rows = reader.answer("SELECT condition, severity FROM alerts WHERE ended_at IS NULL").rows
    return {condition: Severity(severity) for condition, severity in rows}


def test_every_condition_has_a_severity_where_no_rule_says_otherwise() -> None:
    assert set(BASE) == set(Condition)


def test_a_run_that_is_tried_again_has_not_failed_yet(company: Company) -> None:
    company.has("airflow/orders")
    first = company.fails("airflow/orders")
    company.ran("airflow/orders", RunState.RUNNING, parent_run_id=first.key.run_id, minutes=0)
    assert conditions(company) == {}


def test_a_run_that_is_due_and_not_there_is_missing(company: Company) -> None:
    company.has("airflow/orders", schedules=HOURLY)
    company.ran("airflow/orders", minutes=0)
    company.look()
    company.wait(70 * MINUTE)
    assert conditions(company) == {}, "it may begin within a quarter of an hour"
    company.wait(10 * MINUTE)
    assert conditions(company) == {"missing": Severity.ERROR}


def test_one_that_is_there_and_has_not_begun_is_late(company: Company) -> None:
    company.has("airflow/orders", schedules=HOURLY)
    company.ran("airflow/orders", minutes=0)
    company.look()
    company.wait(HOUR)
    due = company.now
    company.ran("airflow/orders", RunState.QUEUED, minutes=0, scheduled_at=due)
    company.wait(20 * MINUTE)
    assert conditions(company) == {"late": Severity.WARNING}


def test_a_paused_pipeline_misses_nothing(company: Company) -> None:
    company.has("airflow/orders", schedules=HOURLY, is_paused=True)
    company.look()
    company.wait(3 * HOUR)
    assert conditions(company) == {}


def test_one_that_is_queued_for_over_an_hour_is_stuck(company: Company) -> None:
    company.has("airflow/orders")
    company.ran("airflow/orders", RunState.QUEUED, minutes=61)
    assert conditions(company) == {"stuck": Severity.WARNING}


def test_a_run_that_takes_longer_than_is_normal_is_abnormal(company: Company) -> None:
    company.has("airflow/orders")
    for _ in range(10):
        company.ran("airflow/orders", minutes=10)
        company.wait(HOUR)
    company.ran("airflow/orders", RunState.RUNNING, minutes=14)
    assert conditions(company) == {"duration abnormal": Severity.INFO}


def test_a_missed_sla_is_breached_until_it_is_met_again(company: Company) -> None:
    company.more = {
        "slas": [{"name": "quick", "pipelines": "airflow/orders", "duration_below": "5m"}]
    }
    company.has("airflow/orders")
    company.ran("airflow/orders", minutes=10)
    assert conditions(company) == {"sla breached": Severity.ERROR}
    company.wait(HOUR)
    company.ran("airflow/orders", minutes=1)
    company.look()
    company.wait(6 * MINUTE)
    assert conditions(company) == {}


def test_an_sla_that_will_likely_be_missed_is_at_risk(company: Company) -> None:
    company.more = {
        "slas": [{"name": "by_one", "pipelines": "airflow/orders", "finish_by": "0 13 * * *"}]
    }
    company.has("airflow/orders", schedules=(cron("0 12 * * *"),))
    for _ in range(12):
        company.ran("airflow/orders", minutes=50, scheduled_at=company.now - 50 * MINUTE)
        company.wait(DAY)
    company.wait(50 * MINUTE)  # it begins so late, at 12:50
    company.ran("airflow/orders", RunState.RUNNING, minutes=1, scheduled_at=company.now)
    assert conditions(company).get("at risk") is Severity.WARNING


def hold(company: Company, state: HoldState, due: timedelta) -> Hold:
    due_at = company.now - due
    return Hold(
        id="h1",
        pipeline=PipelineKey.parse("prefect/serve/live"),
        due_at=due_at,
        owner="gate",
        reason="airflow/orders failed",
        begun_at=due_at,
        expires_at=company.now + DAY,
        state=state,
        ended_at=None if state.is_open else company.now,
    )


def test_a_gate_that_is_closed_for_too_long_is_told_of(company: Company) -> None:
    company.has("prefect/serve/live")
    with company.store.write() as writer:
        writer.save_hold(hold(company, HoldState.HELD, 59 * MINUTE))
    assert conditions(company) == {}
    company.wait(2 * MINUTE)
    assert conditions(company) == {"gate closed": Severity.WARNING}


def test_a_hold_that_expired_is_told_of(company: Company) -> None:
    company.has("prefect/serve/live")
    with company.store.write() as writer:
        writer.save_hold(hold(company, HoldState.EXPIRED, HOUR))
    assert conditions(company) == {"hold expired": Severity.WARNING}


@pytest.mark.parametrize(
    ("kind", "condition", "severity"),
    [
        (ProblemKind.DOWN, "orchestrator down", Severity.CRITICAL),
        (ProblemKind.WORKER_GONE, "worker gone", Severity.ERROR),
        (ProblemKind.IMPORT_FAILED, "import failed", Severity.ERROR),
    ],
)
def test_what_an_orchestrator_says_of_itself_is_told_of(
    company: Company, kind: ProblemKind, condition: str, severity: Severity
) -> None:
    company.has("airflow/orders")
    with company.store.write() as writer:
        writer.alerting.save_problems("airflow", [Problem(kind, "x", "is bad")], company.now)
    assert conditions(company) == {condition: severity}
    with company.store.write() as writer:
        writer.alerting.save_problems("airflow", [], company.now)
    company.look()
    company.wait(6 * MINUTE)
    assert conditions(company) == {}


def test_what_is_wrong_keeps_its_beginning_from_reading_to_reading(company: Company) -> None:
    company.has("airflow/orders")
    began = company.now
    for _ in range(2):
        with company.store.write() as writer:
            problem = Problem(ProblemKind.DOWN, "scheduler", f"at {company.now}")
            writer.alerting.save_problems("airflow", [problem], company.now)
        company.wait(HOUR)
    (incident,) = company.look().open
    assert incident.began_at == began


def test_a_resource_that_is_full_while_a_run_waits_is_saturated(company: Company) -> None:
    company.more = {
        "resources": (
            ResourceConfig.model_validate(
                {"name": "dwh", "capacity": 2, "uses": [{"pipelines": "airflow/*"}]}
            ),
        )
    }
    company.has("airflow/a", "airflow/b", "airflow/c")
    company.ran_all(["airflow/a", "airflow/b"], RunState.RUNNING)
    company.ran("airflow/c", RunState.QUEUED, minutes=29)
    assert conditions(company) == {}
    company.wait(2 * MINUTE)
    assert conditions(company) == {"resource saturated": Severity.WARNING}


def test_a_conflict_that_comes_is_told_of(company: Company) -> None:
    """Two pipelines that each take half an hour are due at the same times, for one unit."""
    uses = [{"pipelines": "airflow/*"}]
    dwh = ResourceConfig.model_validate({"name": "dwh", "capacity": 1, "uses": uses})
    company.more = {"resources": (dwh,)}
    company.has("airflow/a", "airflow/b", schedules=(cron("0 */6 * * *"),))
    for _ in range(8):
        company.ran_all(["airflow/a", "airflow/b"], RunState.SUCCEEDED, minutes=30)
        company.wait(6 * HOUR)
    company.ran_all(["airflow/a", "airflow/b"], RunState.SUCCEEDED, minutes=0)
    refresh_contention(company.store, company.config, company.now)
    assert conditions(company) == {"conflict ahead": Severity.INFO}
