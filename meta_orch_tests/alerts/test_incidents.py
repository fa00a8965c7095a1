"""What is one incident, when it begins and ends."""

from __future__ import annotations

from meta_orch.config.models import Retention
from meta_orch.domain.alerts import Condition, Severity
from meta_orch.domain.circuits import Circuit
from meta_orch.domain.incidents import IncidentState
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron
from meta_orch.store import CollectorStatus
from meta_orch_tests.alerts.support import DAY, HOUR, MINUTE, Company

HOURLY = (cron("0 * * * *"),)


def test_nothing_is_wrong_with_a_company_whose_pipelines_succeed(company: Company) -> None:
    company.has("airflow/orders", "prefect/serve/live")
    company.ran("airflow/orders")
    company.ran("prefect/serve/live")
    assert company.look().open == ()
    assert company.incidents == {}


def test_a_failed_run_opens_an_incident_that_says_what_it_said(company: Company) -> None:
    company.has("airflow/orders")
    company.fails("airflow/orders", "Traceback\nConnectionError: refused")
    (incident,) = company.look().open
    assert incident.title == "airflow/orders failed"
    assert incident.cause.summary == "failed after 10 min: ConnectionError: refused"
    assert incident.severity is Severity.ERROR
    assert incident.state is IncidentState.OPEN


def test_a_secret_in_an_error_does_not_reach_the_incident(company: Company) -> None:
    company.has("airflow/orders")
    company.fails("airflow/orders", "cannot open postgresql://me:hunter2@db/orders")
    (incident,) = company.look().open
    assert "hunter2" not in incident.cause.summary


def test_a_run_that_is_tried_again_has_not_failed_yet(company: Company) -> None:
    company.has("airflow/orders")
    company.ran("airflow/orders")
    failed = company.fails("airflow/orders")
    company.ran("airflow/orders", RunState.RUNNING, minutes=0, parent_run_id=failed.key.run_id)
    assert company.look().open == ()


def test_a_canceled_run_neither_fails_nor_recovers(company: Company) -> None:
    company.has("airflow/orders")
    company.ran("airflow/orders", RunState.CANCELED)
    assert company.look().open == ()
    company.fails("airflow/orders")
    company.look()
    company.wait(MINUTE)
    company.ran("airflow/orders", RunState.CANCELED)
    company.wait(HOUR)
    assert len(company.look().open) == 1


def test_an_incident_is_resolved_once_its_pipeline_has_been_well_for_a_while(
    company: Company,
) -> None:
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.look()
    company.wait(10 * MINUTE)
    company.ran("airflow/orders")
    company.look()
    assert len(company.open) == 1
    company.wait(5 * MINUTE)
    company.look()
    (incident,) = company.incidents.values()
    assert incident.state is IncidentState.RESOLVED
    assert incident.took == 10 * MINUTE
    assert company.timeline() == [
        "opened: airflow/orders failed",
        "joined: airflow/orders failed: failed after 10 min",
        "recovered: airflow/orders is no more failed",
        "resolved: all of it is well again, after 10 min",
    ] or set(company.timeline()) >= {"resolved: all of it is well again, after 10 min"}


def test_what_fails_soon_after_it_recovered_is_the_same_incident(company: Company) -> None:
    company.has("airflow/orders")
    for _ in range(2):
        company.fails("airflow/orders")
        company.look()
        company.wait(10 * MINUTE)
        company.ran("airflow/orders")
        company.look()
        company.wait(6 * MINUTE)
        company.look()
        company.wait(20 * MINUTE)
    company.fails("airflow/orders")
    (incident,) = company.look().open
    assert incident.id == 1
    assert incident.state is IncidentState.REOPENED
    company.wait(MINUTE)
    company.ran("airflow/orders")
    company.look()
    company.wait(6 * MINUTE)
    company.look()
    company.wait(2 * HOUR)
    company.fails("airflow/orders")
    (incident,) = company.look().open
    assert incident.id == 2


def test_a_failed_upstream_and_its_late_descendants_elsewhere_are_one_incident(
    company: Company,
) -> None:
    company.edges = (
        ("airflow/orders", "airflow/stage"),
        ("airflow/stage", "prefect/serve/hourly"),
    )
    company.has("airflow/orders", "airflow/stage")
    company.has("prefect/serve/hourly", schedules=HOURLY)
    company.ran("prefect/serve/hourly", minutes=0)
    company.look()
    company.wait(50 * MINUTE)
    company.fails("airflow/orders")
    company.look()
    company.wait(40 * MINUTE)  # the run of 13:00 does not come
    (incident,) = company.look().open
    assert incident.cause.subject == "airflow/orders"
    assert incident.affected == ("airflow/orders", "prefect/serve/hourly")
    company.ran("airflow/orders")
    company.look()
    company.wait(10 * MINUTE)
    assert len(company.look().open) == 1, "its descendant is not well yet"
    company.ran("prefect/serve/hourly", minutes=1)
    company.look()
    company.wait(6 * MINUTE)
    assert company.look().open == ()


def test_a_cause_that_is_found_later_takes_the_place_of_what_follows_from_it(
    company: Company,
) -> None:
    company.edges = (("airflow/orders", "prefect/serve/hourly"),)
    company.has("airflow/orders")
    company.has("prefect/serve/hourly", schedules=HOURLY)
    company.ran("airflow/orders")
    company.ran("prefect/serve/hourly", minutes=0)
    company.look()
    company.wait(90 * MINUTE)
    (incident,) = company.look().open
    assert incident.cause.condition is Condition.MISSING
    company.fails("airflow/orders")
    (incident,) = company.look().open
    assert (incident.id, incident.cause.subject) == (1, "airflow/orders")
    assert "cause found: prefect/serve/hourly follows from airflow/orders failed" in (
        company.timeline()
    )


def test_two_incidents_become_one_when_one_cause_is_found_for_both(company: Company) -> None:
    company.edges = (
        ("airflow/orders", "prefect/one/hourly"),
        ("airflow/orders", "prefect/two/hourly"),
    )
    company.has("airflow/orders")
    company.has("prefect/one/hourly", "prefect/two/hourly", schedules=HOURLY)
    company.ran("airflow/orders")
    company.ran("prefect/one/hourly", minutes=0)
    company.ran("prefect/two/hourly", minutes=0)
    company.look()
    company.wait(90 * MINUTE)
    assert len(company.look().open) == 2
    company.fails("airflow/orders")
    (incident,) = company.look().open
    assert incident.affected == ("airflow/orders", "prefect/one/hourly", "prefect/two/hourly")
    other = next(i for i in company.incidents.values() if i.id != incident.id)
    assert other.resolution == f"it is part of incident {incident.id}"


def test_what_failed_before_its_upstream_did_is_an_incident_of_its_own(company: Company) -> None:
    company.edges = (("airflow/orders", "prefect/serve/live"),)
    company.has("airflow/orders", "prefect/serve/live")
    company.fails("prefect/serve/live")
    company.look()
    company.wait(MINUTE)
    company.fails("airflow/orders")
    assert len(company.look().open) == 2


def test_an_orchestrator_that_does_not_answer_is_the_cause_of_what_is_late_in_it(
    company: Company,
) -> None:
    company.has("airflow/orders", schedules=HOURLY)
    company.ran("airflow/orders", minutes=0)
    company.look()
    company.wait(80 * MINUTE)  # what was due at 13:00 is not there, at 13:20
    company.unreachable = {"airflow"}
    read_at = company.now
    company.wait(10 * MINUTE)
    said = "airflow: no answer"
    status = CollectorStatus("airflow", company.now, read_at, False, said, "3", read_at, Circuit(4))
    with company.store.write() as writer:
        writer.save_collector(status)
    (incident,) = company.look().open
    assert incident.cause.condition is Condition.ORCHESTRATOR_DOWN
    assert incident.severity is Severity.CRITICAL
    assert incident.affected == ("airflow", "airflow/orders")


def test_nothing_becomes_late_while_its_orchestrator_is_not_read(company: Company) -> None:
    company.has("airflow/orders", schedules=HOURLY)
    company.ran("airflow/orders", minutes=0)
    company.unreachable = {"airflow"}
    company.wait(3 * HOUR)
    (incident,) = company.look().open
    assert incident.cause.condition is Condition.COLLECTOR_STALE


def test_what_began_long_before_it_was_noticed_is_shown_and_not_told(company: Company) -> None:
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.wait(2 * DAY)
    company.live(10 * MINUTE)
    (incident,) = company.open
    assert incident.is_old
    assert company.told() == []


def test_it_is_graver_the_more_depends_on_it(company: Company) -> None:
    company.edges = tuple(("airflow/orders", f"prefect/serve/{n}") for n in range(10))
    company.has("airflow/orders", "airflow/alone", *(f"prefect/serve/{n}" for n in range(10)))
    company.fails("airflow/orders")
    company.fails("airflow/alone")
    severities = {i.cause.subject: i.severity for i in company.look().open}
    assert severities == {"airflow/orders": Severity.CRITICAL, "airflow/alone": Severity.ERROR}


def test_it_is_graver_or_less_by_the_tier_of_the_pipeline(company: Company) -> None:
    company.has("airflow/first", tags=("tier:1",))
    company.has("airflow/last", tags=("tier:3",))
    company.fails("airflow/first")
    company.fails("airflow/last")
    severities = {i.cause.subject: i.severity for i in company.look().open}
    assert severities == {"airflow/first": Severity.CRITICAL, "airflow/last": Severity.WARNING}


def test_a_rule_may_say_how_grave_it_is_or_that_it_is_nothing(company: Company) -> None:
    company.alerts["rules"] = [
        {"pipelines": "airflow/scratch*", "severity": "off"},
        {"conditions": ["failed"], "severity": "warning", "after": "10m"},
    ]
    company.has("airflow/scratch_1", "airflow/orders")
    company.fails("airflow/scratch_1")
    company.fails("airflow/orders")
    assert company.look().open == ()
    company.wait(10 * MINUTE)
    (incident,) = company.look().open
    assert (incident.cause.subject, incident.severity) == ("airflow/orders", Severity.WARNING)


def test_failing_repeatedly_is_part_of_the_incident_of_the_failure(company: Company) -> None:
    company.has("airflow/orders")
    for _ in range(3):
        company.fails("airflow/orders")
        company.look()
        company.wait(HOUR)
    (incident,) = company.look().open
    assert incident.cause.condition is Condition.FAILED
    assert any("3 failures in a row" in line for line in company.timeline())


def test_a_run_that_goes_on_for_far_longer_than_any_is_stuck(company: Company) -> None:
    company.has("airflow/orders")
    for _ in range(10):
        company.ran("airflow/orders")
        company.wait(HOUR)
    company.ran("airflow/orders", RunState.RUNNING, minutes=14)
    assert [i.cause.condition for i in company.look().open] == [Condition.DURATION_ABNORMAL]
    company.wait(20 * MINUTE)
    company.look()
    assert any(line.startswith("joined: airflow/orders is stuck") for line in company.timeline())


def test_a_quiet_look_writes_nothing(company: Company) -> None:
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(2 * MINUTE)
    assert company.memory is not None
    before = company.memory.transactions
    company.look()
    assert company.memory.transactions == before


def test_what_was_resolved_long_ago_is_forgotten_with_what_was_sent_of_it(
    company: Company,
) -> None:
    company.alerts["route"] = {"receiver": "team", "group_wait": "1s"}
    company.has("airflow/orders", "airflow/stock")
    company.fails("airflow/orders")
    company.live(MINUTE)
    company.ran("airflow/orders")
    company.live(10 * MINUTE)
    company.wait(399 * DAY)
    company.fails("airflow/stock")
    company.live(MINUTE)
    company.wait(2 * DAY)
    with company.store.write() as writer:
        writer.forget_expired(Retention(), company.now)
        kept = {
            view: [*writer.answer(f"SELECT DISTINCT {of} FROM {view}").rows]  # noqa: S608  # ours
            for view, of in {
                "incidents": "incident",
                "alerts": "incident",
                "incident_events": "incident",
                "deliveries": "incidents",
            }.items()
        }
    assert kept == {
        "incidents": [(2,)],
        "alerts": [(2,)],
        "incident_events": [(2,)],
        "deliveries": [([2],)],
    }


def test_the_run_that_an_open_incident_is_about_outlasts_the_retention(company: Company) -> None:
    company.has("airflow/orders", "airflow/stock")
    company.fails("airflow/orders", run_id="kept")
    company.ran("airflow/stock", run_id="forgotten")
    company.look()
    company.wait(30 * DAY)
    with company.store.write() as writer:
        writer.forget_expired(Retention(runs=DAY, last_runs=0), company.now)
        rows = writer.answer("SELECT run_id FROM runs").rows
    assert [*rows] == [("kept",)]
