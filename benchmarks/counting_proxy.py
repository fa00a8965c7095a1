"""A proxy on loopback that counts what passes through it."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Exchange:
    """A request as it was sent on, and how much came back."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    body: bytes
    status: int
    bytes_received: int

    @property
    def name(self) -> str:
        """Method and path."""
        return f"{self.method} {urlsplit(self.target).path}"


class CountingProxy:
    """Stands before one server, from entering the context to leaving it.

    It sends each request on over a connection of its own, kept for each of the client's. The client
    has to be given `url` in the place of the server's.
    """

    def __init__(self, server: str) -> None:
        address = urlsplit(server)
        self.server = (address.hostname or "", address.port or 80)
        self.exchanges: list[Exchange] = []
        """Every one since the start, in the order of the answers."""
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.proxy = self
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    @contextmanager
    def counting(self) -> Iterator[list[Exchange]]:
        """What passes within the context is in the list when it is left."""
        begin = len(self.exchanges)
        passed: list[Exchange] = []
        yield passed
        passed += self.exchanges[begin:]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()


def replay(server: tuple[str, int], exchanges: Iterable[Exchange]) -> None:
    """Send the same requests again, one after the other on one connection, and read the answers:
    the least that any program does who wants to know the same."""
    connection = http.client.HTTPConnection(*server, timeout=_TIMEOUT_SECONDS)
    try:
        for exchange in exchanges:
            _ask(connection, exchange.method, exchange.target, exchange.body, exchange.headers)
    finally:
        connection.close()


def names(exchanges: Iterable[Exchange]) -> str:
    """`2 GET /api/v2/dags, 1 GET /api/v2/version`: in the order of the first of each."""
    counts = Counter(exchange.name for exchange in exchanges)
    return ", ".join(f"{count} {name}" for name, count in counts.items())


class _Listener(ThreadingHTTPServer):
    proxy: CountingProxy
    daemon_threads = True  # a client that keeps its connection open must not hold up the end


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        proxy = cast("_Listener", self.server).proxy
        self.onward = http.client.HTTPConnection(*proxy.server, timeout=_TIMEOUT_SECONDS)

    def finish(self) -> None:
        self.onward.close()
        super().finish()

    def _pass_on(self) -> None:
        proxy = cast("_Listener", self.server).proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = _end_to_end(self.headers)
        status, answered, content = _ask(self.onward, self.command, self.path, body, headers)
        proxy.exchanges.append(
            Exchange(self.command, self.path, headers, body, status, len(content))
        )
        self.send_response_only(status)
        for name, value in answered.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    do_GET = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815  # http.server calls these

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name it overrides
        """`CountingProxy.exchanges` is the log."""


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes,
    headers: Mapping[str, str],
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and content. The `Host` header stays as the client sent it, so that links in
    answers lead through the proxy again."""
    connection.request(method, target, body or None, dict(headers))
    answer = connection.getresponse()
    content = answer.read()
    return answer.status, _end_to_end(answer.headers), content


def _end_to_end(headers: Message) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
