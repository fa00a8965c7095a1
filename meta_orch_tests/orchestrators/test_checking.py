"""`check_instance`: what it says of each capability, for every way an instance can be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meta_orch.config import InstanceConfig
from meta_orch.config.models import BearerLogin, EnvironmentReference
from meta_orch.domain.pipelines import Pool
from meta_orch.orchestrators.base import (
    Catalogue,
    Changes,
    LoginRefused,
    Orchestrator,
    OrchestratorError,
    Server,
    ServerFailed,
    Unreachable,
)
from meta_orch.orchestrators.checking import Capability, Finding, Verdict, check_instance
from meta_orch.testing.fake import FakeOrchestrator

CONFIG = InstanceConfig(name="fake", type="fake")
ACTING = CONFIG.model_copy(update={"read_only": False})


@pytest.fixture
def fake() -> FakeOrchestrator:
    fake = FakeOrchestrator("fake")
    fake.add_pipeline("orders", source="def orders(): ...")
    fake.pools = (Pool("fake", "default", 8),)
    return fake


def check(orchestrator: Orchestrator, config: InstanceConfig = CONFIG) -> dict[Capability, Finding]:
    return {
        finding.capability: finding
        for finding in check_instance(config, connect=lambda _: orchestrator)
    }


def verdicts(findings: dict[Capability, Finding]) -> dict[Capability, Verdict]:
    return {capability: finding.verdict for capability, finding in findings.items()}


def faults(findings: dict[Capability, Finding]) -> set[Capability]:
    return {finding.capability for finding in findings.values() if finding.is_fault}


def test_everything_works_on_a_healthy_instance_that_may_act(fake: FakeOrchestrator) -> None:
    findings = check(fake, ACTING)

    assert verdicts(findings) == dict.fromkeys(Capability, Verdict.WORKS)
    assert findings[Capability.REACH].detail == "fake 1.0"
    assert findings[Capability.READ_PIPELINES].detail == "1 pipeline"
    assert findings[Capability.READ_POOLS].detail == "1 pool"
    assert fake.is_closed


def test_checking_starts_nothing(fake: FakeOrchestrator) -> None:
    check(fake, ACTING)
    assert fake.runs == ()


def test_a_read_only_instance_is_healthy_and_says_how_to_let_it_act(
    fake: FakeOrchestrator,
) -> None:
    findings = check(fake)

    assert findings[Capability.START_RUNS].verdict is Verdict.OFF
    assert "read_only: false" in findings[Capability.START_RUNS].detail
    assert faults(findings) == set()


def test_acting_that_the_server_refuses_is_a_fault_where_it_is_wanted() -> None:
    findings = check(FakeOrchestrator("fake", read_only=True), ACTING)

    assert faults(findings) == {Capability.START_RUNS}


def test_an_empty_server_is_healthy_and_says_where_to_look(fake: FakeOrchestrator) -> None:
    findings = check(FakeOrchestrator("fake"))

    assert faults(findings) == set()
    assert "`include`, `exclude`" in findings[Capability.READ_PIPELINES].detail
    assert findings[Capability.READ_SOURCES].verdict is Verdict.UNTRIED
    assert findings[Capability.READ_RUNS].detail == "no recent runs"


def test_a_pipeline_without_source_is_no_fault() -> None:
    fake = FakeOrchestrator("fake")
    fake.add_pipeline("orders")
    assert check(fake)[Capability.READ_SOURCES].verdict is Verdict.ABSENT


@pytest.mark.parametrize("error", [Unreachable, ServerFailed])
def test_a_server_that_does_not_answer_leaves_the_rest_untried(
    error: type[OrchestratorError], fake: FakeOrchestrator
) -> None:
    fake.fail_with(error("fake", "nothing listens there: is the server up?"))

    findings = check(fake)

    assert list(findings) == list(Capability)
    assert faults(findings) == {Capability.REACH}
    assert findings[Capability.REACH].detail == "nothing listens there: is the server up?"
    rest = [verdict for capability, verdict in verdicts(findings).items() if capability != "reach"]
    assert set(rest) == {Verdict.UNTRIED}


def test_a_refused_login_is_told_apart_from_a_server_that_is_away(fake: FakeOrchestrator) -> None:
    fake.fail_with(LoginRefused("fake", "the password is wrong"))

    findings = check(fake)

    assert findings[Capability.REACH].verdict is Verdict.WORKS
    assert findings[Capability.LOG_IN].detail == "the password is wrong"
    assert faults(findings) == {Capability.LOG_IN}


def test_a_variable_that_is_not_set_is_named_before_anything_is_asked(
    fake: FakeOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAKE_TOKEN", raising=False)
    login = BearerLogin(type="bearer", token=EnvironmentReference(variable="FAKE_TOKEN"))

    findings = check(fake, CONFIG.model_copy(update={"login": login}))

    assert "FAKE_TOKEN" in findings[Capability.LOG_IN].detail
    assert faults(findings) == {Capability.LOG_IN}
    assert fake.calls == []


def test_a_type_that_no_package_has_is_a_finding_and_no_crash() -> None:
    reach, *_ = check_instance(InstanceConfig(name="x", type="cron_on_a_shelf"))
    assert reach.verdict is Verdict.FAILS
    assert "airflow, dagster, prefect" in reach.detail


class _ReadsOnly(Orchestrator):
    """The port and no capability; runs are forbidden to this login."""

    instance = "least"
    type = "least"

    def read_server(self) -> Server:
        return FakeOrchestrator().read_server()

    def read_fingerprint(self) -> str:
        return ""

    def read_catalogue(self, known: object) -> Catalogue:
        return Catalogue((), "")

    def read_changes(
        self, cursor: str | None, open_runs: object, *, since: object
    ) -> Iterator[Changes]:
        raise LoginRefused("least", "the login may not read runs")

    def close(self) -> None:
        pass


def test_one_capability_that_fails_leaves_the_others_tried() -> None:
    findings = check(_ReadsOnly())

    assert faults(findings) == {Capability.READ_RUNS}
    assert findings[Capability.READ_PIPELINES].verdict is Verdict.WORKS


def test_what_an_adapter_does_not_have_is_absent_and_no_fault_even_where_acting_is_allowed() -> (
    None
):
    findings = check(_ReadsOnly(), ACTING)

    absent = {c for c, verdict in verdicts(findings).items() if verdict is Verdict.ABSENT}
    assert absent == {Capability.READ_SOURCES, Capability.READ_POOLS, Capability.START_RUNS}
