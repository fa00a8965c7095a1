"""A small HTTP server on loopback that answers as it is told, faults included."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    """In the order they were sent; names may repeat."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: Any
    """The JSON that was sent, or None."""


@dataclass(frozen=True)
class Reply:
    body: Any = b""
    """Bytes are sent as they are, anything else as JSON."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    """Seconds before anything is sent; a server that stops waits no longer."""
    cut_after: int | None = None
    """Send so many bytes of the body, then drop the connection."""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answer = Callable[[Request], Reply]


class LoopbackServer:
    """Serves from entering the context to leaving it; each connection has a thread.

    Args:
        answer: gives the reply to a request. Tests may put another in its place at any time.
        tls: speaks TLS with these certificates.
    """

    def __init__(self, answer: Answer, *, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        """Every request, in the order of arrival."""
        self.stopping = threading.Event()
        self._server = _QuietServer(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(
                # The handshake belongs into the connection's own thread.
                self._server.socket,
                server_side=True,
                do_handshake_on_connect=False,
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def asked_for(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _QuietServer(ThreadingHTTPServer):
    owner: LoopbackServer
    daemon_threads = True  # a client that keeps its connection open must not hold up the end

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections, as real servers do
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client to acknowledge
    wbufsize = -1

    def _answer(self) -> None:
        owner = cast("_QuietServer", self.server).owner
        request = self._read()
        owner.requests.append(request)
        reply = owner.answer(request)
        if reply.delay:
            owner.stopping.wait(reply.delay)
        content = reply.content
        self.send_response_only(reply.status)
        for name, value in {
            "Date": formatdate(usegmt=True),
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **reply.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: reply.cut_after])
        self.wfile.flush()
        if reply.cut_after is not None:
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  the names that http.server calls

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return Request(
            method=self.command,
            path=parts.path,
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=json.loads(body) if body else None,
        )

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name it overrides
        """Tests read `requests` instead."""
