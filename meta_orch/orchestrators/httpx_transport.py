"""The httpx transport of the adapters that speak httpx: it raises the port's errors.

Importing this module imports httpx, so adapters import it where they first connect.
"""

from __future__ import annotations

import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from meta_orch.config.models import (
    ApiKeyLogin,
    BasicLogin,
    BearerLogin,
    CustomLogin,
    HeaderLogin,
    InstanceConfig,
    MissingSecret,
)
from meta_orch.orchestrators.answers import error_for_status, parse_json, unreachable
from meta_orch.orchestrators.base import (
    LoginRefused,
    OrchestratorError,
    UnexpectedAnswer,
    Unreachable,
)
from meta_orch.orchestrators.custom_login import OwnLogin
from meta_orch.orchestrators.retries import BUSY, Sender, read_retry_after

ACTS = {"meta_orch_acts": True}
"""The extensions of a request that changes something, and is therefore sent once only."""
_FINAL = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Below 500, what no client on top may repeat or explain."""
_CSRF_REFUSAL = b"Invalid CSRF token"


class Transport(httpx.HTTPTransport):
    """Sends a request, again where it reads and the server is busy or does not answer (see
    `retries`), and reads the whole answer.

    It raises the port's errors and none of httpx's: a client on top that retries those would sleep
    for minutes inside a sensor's tick, and the next tick tries again anyway.

    Each request carries the instance's login and follows no redirect, so the login reaches no other
    server. `asked_at` is the server's own clock when the last request was sent.

    Threads may share it.

    Args:
        without: names of headers that a client on top adds of its own accord.
        explained_failures: let a 500 through whose body is JSON (GraphQL says there what failed).
    """

    def __init__(
        self,
        config: InstanceConfig,
        *,
        without: Collection[str] = (),
        explained_failures: bool = False,
    ) -> None:
        self._login = _login_headers(config)
        own = config.login
        self._own_login = OwnLogin(config, own) if isinstance(own, CustomLogin) else None
        self._without = frozenset(without)
        self.tls = _tls_context(config)
        super().__init__(verify=self.tls)
        self.asked_at: datetime | None = None
        self.requests = 0
        """How many were sent."""
        self._ahead = timedelta(0)
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(config.connections)
        self._sender = Sender()
        self._config = config
        self._explained_failures = explained_failures

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for name in self._without:
            request.headers.pop(name, None)
        response = self._send_patiently(request)
        if response.status_code == HTTPStatus.UNAUTHORIZED and self._own_login is not None:
            self._own_login.renew()
            response = self._send_patiently(request)
        self._raise_refusals(request, response)
        return response

    def _send_patiently(self, request: httpx.Request) -> httpx.Response:
        request.headers.update(self._own_login.headers() if self._own_login else self._login)
        return self._sender.send(
            lambda: self._send(request),
            busy=lambda response: response.status_code in BUSY,
            retry_after=_retry_after,
            no_answer=Unreachable,
            acts=bool(ACTS.keys() & request.extensions.keys()),
        )

    def _send(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests += 1
        began = time.monotonic()
        try:
            with self._free:
                response = super().handle_request(request)
                response.read()
        except httpx.DecodingError as error:
            raise UnexpectedAnswer(
                self._config.name, f"the answer to {name_request(request)} cannot be decoded"
            ) from error
        except (httpx.TransportError, OSError) as error:
            server = request.url.copy_with(path="/", query=None)
            raise unreachable(
                self._config.name, str(server), error, self._config.timeouts
            ) from error
        self._note_clock(response, timedelta(seconds=time.monotonic() - began))
        return response

    def server_now(self) -> datetime:
        """The server's clock by the last answer, else this machine's; right to a second or so."""
        return datetime.now(UTC) + self._ahead

    def _note_clock(self, response: httpx.Response, took: timedelta) -> None:
        try:
            answered_at = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return
        if answered_at.tzinfo is not None:
            with self._lock:
                self.asked_at = answered_at.astimezone(UTC) - took
                self._ahead = answered_at - datetime.now(UTC)

    def _raise_refusals(self, request: httpx.Request, response: httpx.Response) -> None:
        status = response.status_code
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        if self._explained_failures and status == HTTPStatus.INTERNAL_SERVER_ERROR and is_json:
            return
        if status == HTTPStatus.FORBIDDEN and _CSRF_REFUSAL in response.content:
            return  # Prefect's client renews its token on this one and asks again
        if status in _FINAL or status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.is_redirect:
            raise error_for_status(
                self._config.name,
                name_request(request),
                status,
                response.content,
                secrets=self._config.secrets,
                retry_after=_retry_after(response),
            )


def _retry_after(response: httpx.Response) -> timedelta | None:
    return read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))


def read_json(instance: str, response: httpx.Response) -> Any:
    """The body.

    Raises:
        UnexpectedAnswer: it is not JSON.
    """
    return parse_json(instance, name_request(response.request), response.content)


def timeout(config: InstanceConfig) -> httpx.Timeout:
    """The instance's timeouts as httpx wants them."""
    connect = config.timeouts.connect.total_seconds()
    return httpx.Timeout(config.timeouts.read.total_seconds(), connect=connect, pool=connect)


def _login_headers(config: InstanceConfig) -> dict[str, str]:
    try:
        match config.login:
            case ApiKeyLogin(api_key=secret) | BearerLogin(token=secret):
                return {"Authorization": f"Bearer {secret.read()}"}
            case BasicLogin(username=username, password=secret):
                pair = b64encode(f"{username}:{secret.read()}".encode()).decode()
                return {"Authorization": f"Basic {pair}"}
            case HeaderLogin(name=name, value=secret):
                return {name: secret.read()}
            case _:
                return {}
    except MissingSecret as error:
        raise LoginRefused(config.name, str(error)) from error


def _tls_context(config: InstanceConfig) -> ssl.SSLContext:
    tls = config.tls
    if config.url and config.url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; the system's takes a while
    try:
        context = (
            ssl.create_default_context(cafile=str(tls.ca_file))
            if tls.ca_file
            else httpx.create_ssl_context()
        )
        if tls.client_certificate is not None:
            context.load_cert_chain(tls.client_certificate, tls.client_key)
    except OSError as error:
        files = [tls.ca_file, tls.client_certificate, tls.client_key]
        raise OrchestratorError(
            config.name,
            f"a certificate or key of `tls` cannot be read ({error.strerror or error}): "
            + ", ".join(str(file) for file in files if file),
        ) from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def name_request(request: httpx.Request) -> str:
    """For errors: without the query, which may hold anything."""
    return f"{request.method} {request.url.path}"
