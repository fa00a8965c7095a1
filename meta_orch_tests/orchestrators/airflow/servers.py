"""Airflows made of a few answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators.airflow import AirflowOrchestrator, transport
from meta_orch.orchestrators.airflow.transport import Transport
from meta_orch_tests.support.loopback import Answer, LoopbackServer, Reply, Request

PASSWORD = "correct-horse"
PASSWORD_VARIABLE = "AIRFLOW_TEST_PASSWORD"

_EMPTY: Mapping[tuple[str, str], Any] = {
    ("GET", "/api/v2/version"): {"version": "3.3.2"},
    ("GET", "/api/v2/dags"): {"dags": [], "total_entries": 0},
    ("GET", "/api/v2/dags/~/dagVersions"): {"dag_versions": [], "total_entries": 0},
    ("GET", "/api/v2/dags/~/dagRuns"): {"dag_runs": [], "total_entries": 0, "next_cursor": None},
    ("GET", "/api/v2/assets"): {"assets": [], "total_entries": 0},
    ("GET", "/api/v2/pools"): {"pools": [], "total_entries": 0},
    ("GET", "/ui/dependencies"): {"nodes": [], "edges": []},
}


def empty_airflow(request: Request) -> Reply:
    """An Airflow without DAGs; it takes any token and gives one for the right password."""
    if request.path == "/auth/token":
        if request.body == {"username": "anna", "password": PASSWORD}:
            return Reply({"access_token": make_token()}, status=201)
        return Reply({"detail": "Invalid credentials"}, status=401)
    if (request.method, request.path) in _EMPTY:
        return Reply(_EMPTY[request.method, request.path])
    return Reply({"detail": "Not Found"}, status=404)


def answering(replies: Mapping[str, Reply | Callable[[Request], Reply]]) -> Answer:
    """An empty Airflow that answers otherwise at some paths."""

    def answer(request: Request) -> Reply:
        reply = replies.get(request.path)
        if reply is None:
            return empty_airflow(request)
        return reply if isinstance(reply, Reply) else reply(request)

    return answer


def make_token(*, lifetime: int = 86_400, name: str = "") -> str:
    """A token with the dates of a JWT, signed by nobody."""
    claims = json.dumps({"iat": 1_000_000, "exp": 1_000_000 + lifetime, "sub": name}).encode()
    return f"header.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.signature"


def adapter_for(
    server: LoopbackServer, *, page_size: int = 100, **settings: Any
) -> AirflowOrchestrator:
    """The adapter with a token login, and short time limits."""
    return AirflowOrchestrator(_config({"url": server.url, **settings}), page_size=page_size)


def adapter_in_memory(
    answer: Answer, *, page_size: int = 100, connections: int = 1
) -> AirflowOrchestrator:
    """The adapter with no connection in between, for tests that send very many requests."""
    bearer = {"type": "bearer", "token": f"${{{PASSWORD_VARIABLE}}}"}
    config = _config({"url": "http://in-memory", "login": bearer, "connections": connections})
    adapter = AirflowOrchestrator(config, page_size=page_size)
    adapter._transport = _InMemoryTransport(config, answer)
    return adapter


def _config(settings: Mapping[str, Any]) -> InstanceConfig:
    return InstanceConfig.model_validate(
        {
            "name": "airflow_test",
            "type": "airflow",
            "login": {
                "type": "token",
                "username": "anna",
                "password": f"${{{PASSWORD_VARIABLE}}}",
            },
            "timeouts": {"connect": "5s", "read": "5s"},
            **settings,
        }
    )


class _InMemoryTransport(Transport):
    def __init__(self, config: InstanceConfig, answer: Answer) -> None:
        super().__init__(config)
        self._answer = answer

    def _send(self, request: Any, headers: Mapping[str, str]) -> tuple[int, transport.Answer]:
        path = request.path.format(**request.names)
        query = tuple((name, str(value)) for name, value in request.query)
        reply = self._answer(Request(request.method, path, query, headers, request.body))
        sent_headers = {name.lower(): value for name, value in reply.headers.items()}
        return reply.status, transport.Answer(
            self.instance, f"{request.method} {path}", sent_headers, reply.content
        )
