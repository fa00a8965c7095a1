"""Logins: how a token is had, kept, renewed and given up."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from meta_orch.orchestrators.airflow import login
from meta_orch.orchestrators.base import (
    LoginRefused,
    OrchestratorError,
    Unreachable,
)
from meta_orch_tests.orchestrators.airflow.servers import (
    PASSWORD,
    adapter_for,
    answering,
    empty_airflow,
    make_token,
)
from meta_orch_tests.support.loopback import Answer, LoopbackServer, Reply, Request


class TokenKeeper:
    """Answers like Airflow: it numbers the tokens it gives and takes only those in `valid`."""

    def __init__(self, *, refusal: Reply, lifetime: int = 86_400) -> None:
        self.valid: set[str] = set()
        self.given = 0
        self._refusal = refusal
        self._lifetime = lifetime

    def answer(self, request: Request) -> Reply:
        if request.path == "/auth/token":
            reply = empty_airflow(request)
            if reply.status != 201:
                return reply
            self.given += 1
            token = make_token(lifetime=self._lifetime, name=f"number {self.given}")
            self.valid = {token}
            return Reply({"access_token": token}, status=201)
        if request.path == "/api/v2/version":
            return empty_airflow(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return empty_airflow(request) if token in self.valid else self._refusal


EXPIRED = Reply({"detail": "Token Expired"}, status=401)
UNREADABLE = Reply({"detail": "Invalid JWT token"}, status=403)
NO_PERMISSION = Reply({"detail": "Forbidden"}, status=403)


def test_a_token_is_asked_for_once_and_used_for_every_request() -> None:
    keeper = TokenKeeper(refusal=EXPIRED)
    with LoopbackServer(keeper.answer) as server, adapter_for(server) as airflow:
        airflow.read_server()
        airflow.read_fingerprint()
        airflow.read_catalogue({})
        assert keeper.given == 1


@pytest.mark.parametrize("refusal", [EXPIRED, UNREADABLE])
def test_a_token_that_is_taken_no_more_is_renewed_without_an_error(refusal: Reply) -> None:
    keeper = TokenKeeper(refusal=refusal)
    with LoopbackServer(keeper.answer) as server, adapter_for(server) as airflow:
        airflow.read_pools()
        keeper.valid.clear()
        assert airflow.read_pools() == ()
        assert keeper.given == 2


def test_a_token_that_is_refused_even_when_new_is_an_error_and_no_endless_renewal() -> None:
    never = answering({"/api/v2/pools": EXPIRED})
    with LoopbackServer(never) as server, adapter_for(server) as airflow:
        with pytest.raises(LoginRefused, match=r"gave 401 \(Token Expired\): check `login`"):
            airflow.read_pools()
        assert len(server.asked_for("/auth/token")) == 2
        assert len(server.asked_for("/api/v2/pools")) == 2


def test_a_permission_that_lacks_is_no_reason_for_another_token() -> None:
    with LoopbackServer(answering({"/api/v2/pools": NO_PERMISSION})) as server:
        with adapter_for(server) as airflow:
            with pytest.raises(LoginRefused, match=r"403 \(Forbidden\): the login lacks this perm"):
                airflow.read_pools()
            assert len(server.asked_for("/auth/token")) == 1


def test_a_token_is_renewed_shortly_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(login.time, "monotonic", lambda: now)
    keeper = TokenKeeper(refusal=EXPIRED, lifetime=3_600)
    with LoopbackServer(keeper.answer) as server, adapter_for(server) as airflow:
        airflow.read_pools()
        now += 3_600 - 61
        airflow.read_pools()
        assert keeper.given == 1
        now += 2
        airflow.read_pools()
        assert keeper.given == 2
        assert not [
            r for r in server.asked_for("/api/v2/pools") if "authorization" not in r.headers
        ]


def test_a_token_that_lives_for_a_minute_is_used_for_half_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000.0
    monkeypatch.setattr(login.time, "monotonic", lambda: now)
    keeper = TokenKeeper(refusal=EXPIRED, lifetime=60)
    with LoopbackServer(keeper.answer) as server, adapter_for(server) as airflow:
        airflow.read_pools()
        now += 29
        airflow.read_pools()
        assert keeper.given == 1
        now += 2
        airflow.read_pools()
        assert keeper.given == 2


def test_starting_a_run_is_sent_again_only_because_the_login_was_refused() -> None:
    keeper = TokenKeeper(refusal=EXPIRED)
    with LoopbackServer(keeper.answer) as server:
        with adapter_for(server, read_only=False) as airflow:
            airflow.read_pools()
            keeper.valid.clear()
            airflow.check_may_start_runs()
            path = "/api/v2/dags/meta_orch.is_there_permission/dagRuns"
            assert len(server.asked_for(path)) == 2


def test_a_basic_login_is_exchanged_for_a_token() -> None:
    keeper = TokenKeeper(refusal=EXPIRED)
    basic = {"type": "basic", "username": "anna", "password": "${AIRFLOW_TEST_PASSWORD}"}
    with LoopbackServer(keeper.answer) as server, adapter_for(server, login=basic) as airflow:
        airflow.read_pools()
        assert keeper.given == 1


def test_a_bearer_token_is_sent_as_it_is_and_read_anew_for_each_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bearer = {"type": "bearer", "token": "${AIRFLOW_TEST_TOKEN}"}
    with LoopbackServer(empty_airflow) as server, adapter_for(server, login=bearer) as airflow:
        for token in ("monday", "tuesday"):
            monkeypatch.setenv("AIRFLOW_TEST_TOKEN", token)
            airflow.read_pools()
        sent = [r.headers["authorization"] for r in server.asked_for("/api/v2/pools")]
        assert sent == ["Bearer monday", "Bearer tuesday"]
        assert server.asked_for("/auth/token") == []


def test_a_header_of_its_own_is_sent_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_TEST_TOKEN", "open sesame")
    header = {"type": "header", "name": "X-Door", "value": "${AIRFLOW_TEST_TOKEN}"}
    with LoopbackServer(empty_airflow) as server, adapter_for(server, login=header) as airflow:
        airflow.read_pools()
        assert server.asked_for("/api/v2/pools")[0].headers["x-door"] == "open sesame"


def without_login(token: Reply) -> tuple[Answer, dict[str, Any]]:
    return answering({"/auth/token": token}), {"login": {"type": "none"}}


def test_without_a_login_the_token_that_airflow_gives_to_everybody_is_used() -> None:
    answer, settings = without_login(Reply({"access_token": make_token(name="all")}, status=201))
    with LoopbackServer(answer) as server, adapter_for(server, **settings) as airflow:
        airflow.read_pools()
        assert server.asked_for("/auth/token")[0].method == "GET"
        sent = server.asked_for("/api/v2/pools")[0].headers["authorization"]
        assert sent == f"Bearer {make_token(name='all')}"


def test_without_a_login_an_airflow_that_wants_one_says_so() -> None:
    answer, settings = without_login(Reply({"detail": "only if all are admins"}, status=403))
    with LoopbackServer(answer) as server, adapter_for(server, **settings) as airflow:
        with pytest.raises(LoginRefused, match="this Airflow wants a login: set `login`"):
            airflow.read_pools()


def test_without_a_login_nothing_is_sent_where_there_are_no_tokens() -> None:
    answer, settings = without_login(Reply({"detail": "Not Found"}, status=404))
    with LoopbackServer(answer) as server, adapter_for(server, **settings) as airflow:
        airflow.read_pools()
        assert "authorization" not in server.asked_for("/api/v2/pools")[0].headers


def test_a_login_that_airflow_has_not_is_refused_before_anything_is_sent() -> None:
    with LoopbackServer(empty_airflow) as server:
        api_key = {"type": "api_key", "api_key": "${AIRFLOW_TEST_PASSWORD}"}
        with pytest.raises(OrchestratorError, match="Airflow has no `api_key` login: use `token`"):
            adapter_for(server, login=api_key)
        assert server.requests == []


# TLS.

Certificates = Callable[[str], Path]


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    file = tmp_path / "authority.pem"
    made.cert_pem.write_to_path(str(file))
    return made, file


def serving(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_a_certificate_of_an_unknown_authority_is_refused_and_the_setting_named(
    authority: tuple[trustme.CA, Path],
) -> None:
    with LoopbackServer(empty_airflow, tls=serving(authority[0])) as server:
        with adapter_for(server) as airflow:
            with pytest.raises(Unreachable, match=r"TLS with https://.* set `tls\.ca_file`"):
                airflow.read_server()
        assert server.requests == []


def test_the_authority_of_tls_ca_file_is_trusted(authority: tuple[trustme.CA, Path]) -> None:
    made, file = authority
    with LoopbackServer(empty_airflow, tls=serving(made)) as server:
        with adapter_for(server, tls={"ca_file": str(file)}) as airflow:
            assert airflow.read_server().version == "3.3.2"


def test_verification_may_be_turned_off(authority: tuple[trustme.CA, Path]) -> None:
    with LoopbackServer(empty_airflow, tls=serving(authority[0])) as server:
        with adapter_for(server, tls={"verify": False}) as airflow:
            assert airflow.read_server().version == "3.3.2"


def test_a_client_certificate_is_shown_to_a_server_that_asks(
    authority: tuple[trustme.CA, Path], tmp_path: Path
) -> None:
    made, file = authority
    context = serving(made)
    context.verify_mode = ssl.CERT_REQUIRED
    made.configure_trust(context)
    client, key = tmp_path / "client.pem", tmp_path / "client.key"
    issued = made.issue_cert("anna@example.com")
    issued.cert_chain_pems[0].write_to_path(str(client))
    issued.private_key_pem.write_to_path(str(key))
    with LoopbackServer(empty_airflow, tls=context) as server:
        with adapter_for(server, tls={"ca_file": str(file)}) as airflow:
            with pytest.raises(Unreachable):
                airflow.read_server()
        shown = {
            "ca_file": str(file),
            "client_certificate": str(client),
            "client_key": str(key),
        }
        with adapter_for(server, tls=shown) as airflow:
            assert airflow.read_server().version == "3.3.2"


def test_a_certificate_file_that_is_not_there_is_named() -> None:
    with LoopbackServer(empty_airflow) as server:
        with adapter_for(server, tls={"ca_file": "/nowhere/ca.pem"}) as airflow:
            with pytest.raises(OrchestratorError, match=r"no file /nowhere/ca.pem \(`tls.ca_file`"):
                airflow.read_server()


def test_the_password_is_sent_in_the_login_only() -> None:
    with LoopbackServer(empty_airflow) as server, adapter_for(server) as airflow:
        airflow.read_catalogue({})
        others = [request for request in server.requests if request.path != "/auth/token"]
        assert not [request for request in others if PASSWORD in repr(request)]
