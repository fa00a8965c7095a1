"""What the demonstration and the live tests ask of the servers that they started."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_orch.demo.errors import RequestFailed
from meta_orch.demo.servers import base
from meta_orch.demo.servers.prefect import PrefectServer
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

_LOCKED = Reply({"exception_message": "Service Unavailable"}, status=503)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_PAUSE_SECONDS", 0)


def _prefect(folder: Path, server: LoopbackServer) -> PrefectServer:
    return PrefectServer(folder, environment=folder, port=int(server.url.rpartition(":")[2]))


def test_prefect_is_asked_again_while_its_database_is_locked(tmp_path: Path) -> None:
    replies = iter([_LOCKED, _LOCKED, Reply({"id": "made"}, status=201)])
    with LoopbackServer(lambda _: next(replies)) as server:
        made = _prefect(tmp_path, server).request("POST", "/api/flows/", {"name": "sums"})
    assert made == {"id": "made"}
    assert [request.body for request in server.requests] == [{"name": "sums"}] * 3


def test_prefect_is_asked_six_times_at_most(tmp_path: Path) -> None:
    with LoopbackServer(lambda _: _LOCKED) as server:
        with pytest.raises(RequestFailed, match="503 Service Unavailable"):
            _prefect(tmp_path, server).request("POST", "/api/flows/", {"name": "sums"})
    assert len(server.requests) == 6


def test_what_prefect_refuses_is_asked_once(tmp_path: Path) -> None:
    def refuse(_: Request) -> Reply:
        return Reply({"detail": "no such flow"}, status=404)

    with LoopbackServer(refuse) as server:
        with pytest.raises(RequestFailed, match="no such flow"):
            _prefect(tmp_path, server).request("GET", "/api/flows/name/sums")
    assert len(server.requests) == 1
