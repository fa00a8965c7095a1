"""Logins, and that nothing but the instance's own configuration reaches the server."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators.base import LoginRefused, OrchestratorError
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch_tests.orchestrators.prefect.conftest import adapter_for
from meta_orch_tests.orchestrators.prefect.server import PrefectInMemory
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

SECRET = "correct-horse"
SECRET_VARIABLE = "PREFECT_TEST_SECRET"
REFERENCE = f"${{{SECRET_VARIABLE}}}"

LOGINS: Mapping[str, tuple[dict[str, str], str, str]] = {
    "an API key": (
        {"type": "api_key", "api_key": REFERENCE},
        "authorization",
        f"Bearer {SECRET}",
    ),
    "a bearer token": ({"type": "bearer", "token": REFERENCE}, "authorization", f"Bearer {SECRET}"),
    "basic": (
        {"type": "basic", "username": "anna", "password": REFERENCE},
        "authorization",
        f"Basic {b64encode(f'anna:{SECRET}'.encode()).decode()}",
    ),
    "a header": ({"type": "header", "name": "X-Key", "value": REFERENCE}, "x-key", SECRET),
}


def guarded(rows: PrefectInMemory, header: str, value: str) -> Callable[[Request], Reply]:
    """A server that lets nobody in without this header."""

    def answer(request: Request) -> Reply:
        if request.headers.get(header) != value:
            return Reply({"exception_message": "Unauthorized"}, status=401)
        return rows.answer(request)

    return answer


@pytest.mark.parametrize("name", LOGINS)
def test_the_right_login_opens_every_call(
    name: str, rows: PrefectInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, header, value = LOGINS[name]
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    with (
        LoopbackServer(guarded(rows, header, value)) as server,
        adapter_for(server, login=login) as prefect,
    ):
        prefect.read_server()
        prefect.read_fingerprint()
        prefect.read_pools()


@pytest.mark.parametrize("name", LOGINS)
def test_a_wrong_login_is_refused_and_the_secret_not_told(
    name: str, rows: PrefectInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, header, value = LOGINS[name]
    monkeypatch.setenv(SECRET_VARIABLE, "wrong-horse")
    with (
        LoopbackServer(guarded(rows, header, value)) as server,
        adapter_for(server, login=login) as prefect,
        pytest.raises(LoginRefused, match="check `login`") as raised,
    ):
        prefect.read_fingerprint()
    assert "wrong-horse" not in str(raised.value)


def test_a_secret_that_is_not_set_is_named_by_its_variable(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    with (
        adapter_for(server, login=LOGINS["basic"][0]) as prefect,
        pytest.raises(LoginRefused, match=f"{SECRET_VARIABLE} is not set"),
    ):
        prefect.read_server()
    assert server.requests == []


def test_a_login_that_prefect_has_not_is_refused_with_those_that_it_has() -> None:
    login = {"type": "token", "username": "anna", "password": REFERENCE}
    config = {"name": "prefect_test", "type": "prefect", "url": "http://127.0.0.1", "login": login}
    with pytest.raises(OrchestratorError, match=r"no login of type token: use api_key \(Cloud\)"):
        PrefectOrchestrator(InstanceConfig.model_validate(config))


def test_the_profile_of_the_shell_reaches_no_server(server: LoopbackServer) -> None:
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_KEY,
        PREFECT_API_URL,
        PREFECT_CLIENT_CUSTOM_HEADERS,
        temporary_settings,
    )

    foreign: dict[Any, Any] = {
        PREFECT_API_AUTH_STRING: "anna:foreign",
        PREFECT_API_KEY: "foreign",
        PREFECT_API_URL: "http://127.0.0.1:9/foreign",
        PREFECT_CLIENT_CUSTOM_HEADERS: {"X-Foreign": "foreign", "Authorization": "foreign"},
    }
    with temporary_settings(foreign), adapter_for(server) as prefect:
        prefect.read_fingerprint()
    assert server.requests
    for request in server.requests:
        assert "foreign" not in repr(request.headers)


def test_a_server_that_protects_against_forged_requests_gets_its_token(
    rows: PrefectInMemory,
) -> None:
    tokens = {"first", "second"}
    given = iter(sorted(tokens))
    valid: set[str] = set()

    def protected(request: Request) -> Reply:
        if request.path == "/api/csrf-token":
            token = next(given)
            valid.clear()
            if token == "second":
                valid.add(token)
            return Reply(
                {
                    "id": "9d3b1b7e-25a3-4f5d-8f0d-2f0a4f1f7a11",
                    "token": token,
                    "client": dict(request.query)["client"],
                    "expiration": "2999-01-01T00:00:00Z",
                }
            )
        if request.method == "POST" and request.headers.get("prefect-csrf-token") not in valid:
            return Reply({"detail": "Invalid CSRF token or client identifier."}, status=403)
        return rows.answer(request)

    with LoopbackServer(protected) as server, adapter_for(server) as prefect:
        assert prefect.read_pools()
        assert len(server.asked_for("/api/csrf-token")) == 2  # the first token had expired


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/"])
def test_the_address_may_be_that_of_the_server_or_of_its_api(
    rows: PrefectInMemory, server: LoopbackServer, suffix: str
) -> None:
    config = {"name": "prefect_test", "type": "prefect", "url": f"{server.url}{suffix}"}
    with PrefectOrchestrator(InstanceConfig.model_validate(config)) as prefect:
        assert prefect.read_server().version == rows.version
        urls = [pipeline.url or "" for pipeline in prefect.read_catalogue({}).pipelines]
    assert all(url.startswith(f"{server.url}/") and "/api" not in url for url in urls)
