"""What points at the reason of an incident, gathered once it is open."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import Any

import pytest

from meta_orch.alerts.investigating import Investigator
from meta_orch.domain.health import Problem, ProblemKind
from meta_orch.domain.incidents import EvidenceKind, Incident
from meta_orch.domain.logs import LogLine
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import Unreachable
from meta_orch.testing.builders import make_task_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.alerts.support import HOUR, MINUTE, Company


@pytest.fixture
def airflow() -> FakeOrchestrator:
    return FakeOrchestrator("airflow")


def investigate(company: Company, airflow: FakeOrchestrator) -> Incident:
    """Of the last incident."""
    found = company.look().open
    investigator = Investigator(company.store, lambda _: nullcontext(airflow), lambda: company.now)
    investigator.investigate(found, company.now + MINUTE)
    return company.incidents[max(company.incidents)]


def failed(company: Company, airflow: FakeOrchestrator, *lines: LogLine | str, **run: Any) -> Run:
    """A run whose task `load` failed, and what it said."""
    found = company.fails("airflow/orders", **run)
    task_run = make_task_run("load", found, RunState.FAILED, url="http://airflow/load")
    airflow.add_pipeline(company.pipelines[found.key.pipeline])
    airflow.add_run(found, [task_run])
    airflow.say(found.key, *lines)
    return found


def texts(incident: Incident, kind: EvidenceKind) -> list[str]:
    return [each.text for each in incident.evidence if each.kind is kind]


def test_it_is_what_the_failing_task_said_last(company: Company, airflow: FakeOrchestrator) -> None:
    company.has("airflow/orders")
    error = LogLine("Traceback\n  line\nKeyError: 'region'", logging.ERROR, None, "load")
    failed(company, airflow, LogLine("begins", task="load"), error, LogLine("over", task="load"))
    incident = investigate(company, airflow)
    assert texts(incident, EvidenceKind.LOG) == ["load: KeyError: 'region'"]
    assert incident.evidence[0].url == "http://airflow/load"
    assert incident.likely_cause == "load: KeyError: 'region'"


def test_of_a_log_without_errors_it_is_the_last_lines(
    company: Company, airflow: FakeOrchestrator
) -> None:
    company.has("airflow/orders")
    failed(company, airflow, "one", "two", "three", "four")
    assert texts(investigate(company, airflow), EvidenceKind.LOG) == ["two / three / four"]


def test_what_a_task_said_is_not_said_again_of_the_run_nor_what_every_failure_says(
    company: Company, airflow: FakeOrchestrator
) -> None:
    company.has("airflow/orders")
    failed(
        company,
        airflow,
        LogLine("Encountered\nKeyError: 'x'", logging.ERROR),
        LogLine("KeyError: 'x'", logging.ERROR, None, "load"),
        LogLine("Finished in state Failed('x')", logging.ERROR, None, "load"),
    )
    assert texts(investigate(company, airflow), EvidenceKind.LOG) == ["load: KeyError: 'x'"]


def test_secrets_in_a_log_are_masked(company: Company, airflow: FakeOrchestrator) -> None:
    company.has("airflow/orders")
    failed(company, airflow, "GET http://u:hunter2@x password=hunter2 Bearer hunter2hunter2")
    incident = investigate(company, airflow)
    assert "hunter2" not in str(incident.evidence)
    assert "***" in str(incident.evidence)


def test_a_log_that_cannot_be_read_is_left_out_and_the_rest_is_there(
    company: Company, airflow: FakeOrchestrator
) -> None:
    company.has("airflow/orders")
    failed(company, airflow, "boom")
    company.look()
    company.wait(10 * MINUTE)
    company.ran("airflow/orders")
    company.look()
    company.wait(10 * MINUTE)
    company.look()
    company.wait(3 * HOUR)
    failed(company, airflow, "boom")
    airflow.fail_with(Unreachable("airflow", "no answer"))
    incident = investigate(company, airflow)
    assert {each.kind for each in incident.evidence} == {EvidenceKind.SIMILAR}
    assert incident.investigated_at is not None


def test_a_definition_that_changed_since_the_last_success_is_named(
    company: Company, airflow: FakeOrchestrator
) -> None:
    company.has("airflow/orders")
    company.ran("airflow/orders", pipeline_version="v1")
    company.wait(HOUR)
    failed(company, airflow, pipeline_version="v2")
    (text,) = texts(investigate(company, airflow), EvidenceKind.DEFINITION)
    assert text.startswith("its definition has changed since the last run that succeeded")


def test_a_definition_that_is_as_it_was_is_not(company: Company, airflow: FakeOrchestrator) -> None:
    company.has("airflow/orders")
    company.ran("airflow/orders", pipeline_version="v1")
    company.wait(HOUR)
    failed(company, airflow, pipeline_version="v1")
    assert texts(investigate(company, airflow), EvidenceKind.DEFINITION) == []


def test_others_that_failed_with_it_point_at_what_they_share(
    company: Company, airflow: FakeOrchestrator
) -> None:
    others = [f"airflow/p{n}" for n in range(5)]
    company.has("airflow/orders", *others)
    company.ran_all(others, RunState.FAILED)
    failed(company, airflow, "boom")
    incident = next(i for i in company.look().open if i.cause.subject == "airflow/orders")
    Investigator(company.store, lambda _: nullcontext(airflow), lambda: company.now).investigate(
        [incident], company.now + MINUTE
    )
    (text,) = texts(company.incidents[incident.id], EvidenceKind.INFRASTRUCTURE)
    assert text == (
        "5 other pipelines of airflow failed within 5 min of it: airflow/p0, airflow/p1, "
        "airflow/p2 and 2 more"
    )


def test_what_does_not_work_of_its_orchestrator_is_named(
    company: Company, airflow: FakeOrchestrator
) -> None:
    company.has("airflow/orders")
    problem = Problem(ProblemKind.IMPORT_FAILED, "dags/orders.py", "SyntaxError: invalid syntax")
    with company.store.write() as writer:
        writer.alerting.save_problems("airflow", [problem], company.now)
    failed(company, airflow, "boom")
    incidents = company.look().open
    own = next(i for i in incidents if i.cause.subject == "airflow/orders")
    Investigator(company.store, lambda _: nullcontext(airflow), lambda: company.now).investigate(
        [own], company.now + MINUTE
    )
    (text,) = texts(company.incidents[own.id], EvidenceKind.INFRASTRUCTURE)
    assert text == "import failed in airflow: dags/orders.py, SyntaxError: invalid syntax"


def test_it_is_told_how_often_it_was_so_before_and_for_how_long(
    company: Company, airflow: FakeOrchestrator
) -> None:
    company.has("airflow/orders")
    for minutes in (20, 40, 60):
        company.fails("airflow/orders")
        company.look()
        company.wait(minutes * MINUTE)
        company.ran("airflow/orders")
        company.look()
        company.wait(6 * MINUTE)
        company.look()
        company.wait(3 * HOUR)
    failed(company, airflow)
    (text,) = texts(investigate(company, airflow), EvidenceKind.SIMILAR)
    assert "3 times before" in text
    assert "(incident 3)" in text
    assert "half of them took at most 40 min" in text


def test_it_is_gathered_once_and_again_when_another_cause_is_found(
    company: Company, airflow: FakeOrchestrator
) -> None:
    company.has("airflow/orders")
    failed(company, airflow, "boom")
    first = investigate(company, airflow).investigated_at
    company.wait(MINUTE)
    assert investigate(company, airflow).investigated_at == first


def test_a_message_says_the_likely_cause(company: Company, airflow: FakeOrchestrator) -> None:
    company.has("airflow/orders")
    failed(company, airflow, LogLine("KeyError: 'region'", logging.ERROR, None, "load"))
    investigate(company, airflow)
    company.live(2 * MINUTE)
    (message,) = company.told()
    assert "Likely cause: load: KeyError: 'region'" in message["body"]
