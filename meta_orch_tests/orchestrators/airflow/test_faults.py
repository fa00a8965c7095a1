"""What the adapter makes of a server that fails, lies, stalls or hangs up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meta_orch.orchestrators.airflow import AirflowOrchestrator
from meta_orch.orchestrators.base import (
    LoginRefused,
    OrchestratorError,
    ServerFailed,
    UnexpectedAnswer,
    Unreachable,
)
from meta_orch.testing.builders import make_pipeline
from meta_orch_tests.orchestrators.airflow.servers import (
    PASSWORD,
    adapter_for,
    answering,
    empty_airflow,
)
from meta_orch_tests.support.loopback import LoopbackServer, Reply

ORDERS = make_pipeline("orders", "airflow_test")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

Read = Callable[[AirflowOrchestrator], Any]
READS: dict[str, tuple[str, Read]] = {
    "server": ("/api/v2/version", lambda airflow: airflow.read_server()),
    "fingerprint": ("/api/v2/dags", lambda airflow: airflow.read_fingerprint()),
    "catalogue": ("/api/v2/assets", lambda airflow: airflow.read_catalogue({})),
    "changes": (
        "/api/v2/dags/~/dagRuns",
        lambda airflow: list(airflow.read_changes(None, (), since=LONG_AGO)),
    ),
    "pools": ("/api/v2/pools", lambda airflow: airflow.read_pools()),
}


@pytest.fixture(params=READS)
def reading(request: pytest.FixtureRequest) -> tuple[str, Read]:
    """A path that goes wrong, and a call that asks for it."""
    return READS[request.param]


FAULTS: dict[str, tuple[Reply, type[OrchestratorError], str]] = {
    "an internal error": (
        Reply({"detail": "the database is gone"}, status=500),
        ServerFailed,
        r"gave 500 \(the database is gone\): the server's own log has the cause",
    ),
    "a page that is no JSON": (
        Reply(b"<!DOCTYPE html><title>Sign in</title>"),
        UnexpectedAnswer,
        r"gave an HTML page \(a login page or a proxy may stand before the API\)",
    ),
    "half a JSON": (Reply(b'{"dags": ['), UnexpectedAnswer, "gave something that is not JSON"),
    "nothing": (Reply(b""), UnexpectedAnswer, "gave an empty answer"),
    "a list": (Reply([1, 2]), UnexpectedAnswer, "gave JSON that is no object"),
    "an object of another shape": (Reply({"items": []}), UnexpectedAnswer, "has no "),
    "a redirect": (
        Reply(status=302, headers={"Location": "https://sso.example/login"}),
        UnexpectedAnswer,
        "gave 302, a redirect: set `url`",
    ),
    "a connection dropped before the answer": (
        Reply({"total_entries": 0}, cut_after=0),
        Unreachable,
        "the connection to .* broke",
    ),
    "a connection dropped in mid-answer": (
        Reply({"total_entries": 0}, cut_after=9),
        Unreachable,
        "the connection to .* broke",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_says_what_was_asked_and_what_came_and_the_next_good_answer_is_read(
    reading: tuple[str, Read], fault: str
) -> None:
    path, read = reading
    reply, error, text = FAULTS[fault]
    with LoopbackServer(answering({path: reply})) as server, adapter_for(server) as airflow:
        with pytest.raises(error, match=text) as raised:
            read(airflow)
        assert str(raised.value).startswith("airflow_test: ")
        server.answer = empty_airflow
        read(airflow)


def test_an_answer_that_takes_too_long_names_the_limit(reading: tuple[str, Read]) -> None:
    path, read = reading
    slow = answering({path: Reply({}, delay=30)})
    with LoopbackServer(slow) as server:
        limits = {"connect": "5s", "read": "0.2s"}
        with adapter_for(server, timeouts=limits) as airflow:
            with pytest.raises(Unreachable, match=r"did not answer within 0.2 s \(`timeouts.read`"):
                read(airflow)


def test_a_server_that_is_busy_for_a_moment_is_asked_again() -> None:
    replies = iter([Reply(status=503), Reply(status=502)])

    def busy_twice(request: Any) -> Reply:
        return next(replies, None) or empty_airflow(request)

    with LoopbackServer(answering({"/api/v2/pools": busy_twice})) as server:
        with adapter_for(server) as airflow:
            assert airflow.read_pools() == ()
            assert len(server.asked_for("/api/v2/pools")) == 3


def test_a_server_that_stays_busy_is_asked_four_times() -> None:
    busy = answering({"/api/v2/pools": Reply(status=429)})
    with LoopbackServer(busy) as server, adapter_for(server) as airflow:
        with pytest.raises(ServerFailed, match="429: a longer `poll_interval` and fewer"):
            airflow.read_pools()
        assert len(server.asked_for("/api/v2/pools")) == 4
        assert airflow.requests_sent == len(server.requests)


def test_a_server_that_asks_to_wait_for_a_moment_is_waited_for() -> None:
    replies = iter([(time.monotonic(), Reply(status=429, headers={"Retry-After": "1"}))])
    begin = time.monotonic()

    def busy_once(request: Any) -> Reply:
        return next(replies, (0, None))[1] or empty_airflow(request)

    with LoopbackServer(answering({"/api/v2/pools": busy_once})) as server:
        with adapter_for(server) as airflow:
            assert airflow.read_pools() == ()
    assert time.monotonic() - begin >= 1


def test_one_that_asks_to_wait_for_long_is_left_alone_and_the_error_says_how_long() -> None:
    busy = answering({"/api/v2/pools": Reply(status=503, headers={"Retry-After": "600"})})
    with LoopbackServer(busy) as server, adapter_for(server) as airflow:
        with pytest.raises(ServerFailed) as raised:
            airflow.read_pools()
        assert raised.value.retry_after == timedelta(minutes=10)
        assert len(server.asked_for("/api/v2/pools")) == 1


@pytest.mark.parametrize("reply", [Reply(status=503), Reply({}, cut_after=0)])
def test_a_request_that_acts_is_sent_once_whatever_comes_of_it(reply: Reply) -> None:
    runs = "/api/v2/dags/orders/dagRuns"
    with LoopbackServer(answering({runs: reply})) as server:
        with adapter_for(server, read_only=False) as airflow:
            with pytest.raises(OrchestratorError):
                airflow.start_run(ORDERS, request_id="1", parameters={})
        assert len(server.asked_for(runs)) == 1


def test_no_more_requests_are_under_way_at_once_than_the_settings_allow() -> None:
    under_way = most = 0
    lock = threading.Lock()

    def counted(request: Any) -> Reply:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1
        return empty_airflow(request)

    with LoopbackServer(counted) as server, adapter_for(server, connections=2) as airflow:
        with ThreadPoolExecutor(6) as pool:
            for _ in pool.map(lambda _: airflow.read_pools(), range(12)):
                pass
    assert most == 2


def test_an_empty_airflow_has_no_pipelines_no_runs_and_no_pools() -> None:
    with LoopbackServer(empty_airflow) as server, adapter_for(server) as airflow:
        assert airflow.read_server().version == "3.3.2"
        catalogue = airflow.read_catalogue({})
        assert catalogue.pipelines == ()
        assert catalogue.fingerprint == airflow.read_fingerprint()
        for changes in airflow.read_changes(None, (), since=LONG_AGO):
            assert (changes.runs, changes.task_runs, changes.gone) == ((), (), ())
        assert airflow.read_pools() == ()


def test_a_port_where_nobody_listens_is_named() -> None:
    with LoopbackServer(empty_airflow) as server:
        pass
    with adapter_for(server) as airflow:
        with pytest.raises(Unreachable, match=f"{server.url}.* refused the connection"):
            airflow.read_server()


def test_a_name_that_nobody_knows_is_named() -> None:
    with LoopbackServer(empty_airflow) as server:
        with adapter_for(server, url="http://airflow.invalid:8080") as airflow:
            with pytest.raises(Unreachable, match=r"the name in http://airflow\.invalid:8080"):
                airflow.read_server()


def test_a_server_that_speaks_no_tls_is_told_from_one_that_is_down() -> None:
    with LoopbackServer(empty_airflow) as server:
        with adapter_for(server, url=server.url.replace("http:", "https:")) as airflow:
            with pytest.raises(
                Unreachable, match=r"TLS with https://127\.0\.0\.1:.* was not agreed"
            ):
                airflow.read_server()


def test_another_kind_of_server_is_no_airflow() -> None:
    with LoopbackServer(lambda _: Reply({}, status=404)) as server:
        with adapter_for(server) as airflow:
            with pytest.raises(UnexpectedAnswer, match="is no Airflow: check `url`"):
                airflow.read_server()


def test_an_airflow_that_is_too_old_is_named_as_one_that_cannot_be_read() -> None:
    too_old = answering(
        {
            "/api/v2/version": Reply(status=404),
            "/api/v1/version": Reply({"version": "2.6.3"}),
        }
    )
    with LoopbackServer(too_old) as server, adapter_for(server) as airflow:
        with pytest.raises(UnexpectedAnswer, match=r"is Airflow 2\.6\.3: .* 2\.7 and later"):
            airflow.read_fingerprint()


@pytest.mark.parametrize("path", ["", "/", "/api/v2", "/api/v2/"])
def test_the_url_may_be_what_people_paste(path: str) -> None:
    with LoopbackServer(empty_airflow) as server:
        with adapter_for(server, url=server.url + path) as airflow:
            assert airflow.read_server().version == "3.3.2"


def test_no_error_holds_the_password(reading: tuple[str, Read]) -> None:
    echo = answering(
        {
            "/auth/token": lambda request: Reply(
                {"detail": [{"loc": ["body"], "msg": "bad", "input": request.body}]}, status=422
            )
        }
    )
    with LoopbackServer(echo) as server, adapter_for(server) as airflow:
        with pytest.raises(OrchestratorError) as raised:
            reading[1](airflow)
        assert PASSWORD not in str(raised.value)
        assert PASSWORD not in repr(raised.value.__cause__)


def test_a_wrong_password_names_the_variable_that_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_TEST_PASSWORD", "wrong")
    with LoopbackServer(empty_airflow) as server, adapter_for(server) as airflow:
        with pytest.raises(LoginRefused, match=r"'anna'.*variable AIRFLOW_TEST_PASSWORD"):
            airflow.read_server()


def test_a_password_that_is_not_set_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_TEST_PASSWORD")
    with LoopbackServer(empty_airflow) as server, adapter_for(server) as airflow:
        with pytest.raises(LoginRefused, match="AIRFLOW_TEST_PASSWORD is not set"):
            airflow.read_server()


def test_connections_are_used_again() -> None:
    ports: set[Any] = set()

    class Counting(LoopbackServer):
        def __init__(self) -> None:
            super().__init__(empty_airflow)
            finish = self._server.process_request

            def counted(request: socket.socket, client_address: Any) -> None:
                ports.add(client_address)
                finish(request, client_address)

            self._server.process_request = counted  # type: ignore[method-assign]

    with Counting() as server, adapter_for(server) as airflow:
        for _ in range(5):
            airflow.read_fingerprint()
        assert len(server.requests) > 10
        assert len(ports) == 1


def test_closing_may_be_repeated_and_the_adapter_used_again() -> None:
    with LoopbackServer(empty_airflow) as server:
        airflow = adapter_for(server)
        airflow.close()
        airflow.read_fingerprint()
        airflow.close()
        airflow.close()
        assert airflow.read_pools() == ()
        airflow.close()
