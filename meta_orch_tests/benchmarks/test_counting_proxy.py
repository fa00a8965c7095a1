"""The proxy that counts requests."""

from __future__ import annotations

import http.client

from benchmarks.counting_proxy import CountingProxy, names, replay
from meta_orch_tests.support.loopback import LoopbackServer, Reply


def _ask(
    proxy: CountingProxy, method: str, path: str, body: str | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, {"Authorization": "Bearer of-a-test"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_requests_pass_unchanged_and_are_counted() -> None:
    with (
        LoopbackServer(lambda request: Reply({"asked": request.path}, status=201)) as server,
        CountingProxy(server.url) as proxy,
    ):
        _ask(proxy, "GET", "/before")
        with proxy.counting() as counted:
            status, content = _ask(proxy, "POST", "/runs?limit=1", '{"a": 1}')
            _ask(proxy, "GET", "/dags")
            _ask(proxy, "GET", "/dags?offset=100")
        _ask(proxy, "GET", "/after")
    assert (status, content) == (201, b'{"asked": "/runs"}')
    assert names(counted) == "1 POST /runs, 2 GET /dags"
    sent = server.asked_for("/runs")[0]
    assert (sent.body, sent.query) == ({"a": 1}, (("limit", "1"),))
    assert sent.headers["authorization"] == "Bearer of-a-test"


def test_what_was_counted_can_be_sent_again() -> None:
    with (
        LoopbackServer(lambda request: Reply({})) as server,
        CountingProxy(server.url) as proxy,
    ):
        with proxy.counting() as counted:
            _ask(proxy, "POST", "/runs?limit=1", '{"a": 1}')
        replay(proxy.server, counted)
    first, again = server.asked_for("/runs")
    assert (again.method, again.query, again.body) == (first.method, first.query, first.body)
    assert again.headers["authorization"] == first.headers["authorization"]
    assert len(proxy.exchanges) == 1
