"""What every adapter says when a server cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meta_orch.orchestrators.base import LoginRefused, Orchestrator, Unreachable
from meta_orch_tests.contract.subject import Feature, Subject


def read_everything(orchestrator: Orchestrator) -> list[tuple[str, BaseException]]:
    """Each call of the port that failed, and how."""
    calls = {
        "server": orchestrator.read_server,
        "fingerprint": orchestrator.read_fingerprint,
        "catalogue": lambda: orchestrator.read_catalogue({}),
        "changes": lambda: list(
            orchestrator.read_changes(None, (), since=datetime(2020, 1, 1, tzinfo=UTC))
        ),
    }
    failures: list[tuple[str, BaseException]] = []
    for name, call in calls.items():
        try:
            call()
        except Exception as error:  # noqa: BLE001  which error it is, is what is tested
            failures.append((name, error))
    return failures


@pytest.mark.needs(Feature.LOGIN)
def test_a_wrong_login_is_refused_by_every_call_and_its_secret_not_told(subject: Subject) -> None:
    with subject.connect_with_wrong_login() as orchestrator:
        failures = read_everything(orchestrator)
    assert [name for name, _ in failures] == ["server", "fingerprint", "catalogue", "changes"]
    for _, error in failures:
        assert isinstance(error, LoginRefused)
        assert error.instance == orchestrator.instance
        assert subject.wrong_secret not in str(error)


@pytest.mark.needs(Feature.PORT)
def test_a_server_that_is_not_there_is_unreachable_for_every_call(subject: Subject) -> None:
    with subject.connect_to_closed_port() as orchestrator:
        failures = read_everything(orchestrator)
    assert [name for name, _ in failures] == ["server", "fingerprint", "catalogue", "changes"]
    for _, error in failures:
        assert isinstance(error, Unreachable)
        assert str(error).startswith(f"{orchestrator.instance}: ")


def test_closing_may_be_repeated(subject: Subject) -> None:
    orchestrator = subject.connect()
    orchestrator.read_server()
    orchestrator.close()
    orchestrator.close()
