"""The httpx transport of the adapters that speak httpx: it raises the port's errors.

Importing this module imports httpx, so adapters import it where they first connect.
"""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators.base import (
    LoginRefused,
    OrchestratorError,
    ServerFailed,
    UnexpectedAnswer,
    Unreachable,
)

_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_CSRF_REFUSAL = b"Invalid CSRF token"


class Transport(httpx.HTTPTransport):
    """Sends a request once and reads the whole answer.

    It raises the port's errors and none of httpx's: a client on top that retries those would sleep
    for minutes inside a sensor's tick, and the next tick tries again anyway.

    `asked_at` is the server's own clock when the last request was sent.

    Args:
        explained_failures: let a 500 through whose body is JSON (GraphQL says there what failed).
    """

    def __init__(self, config: InstanceConfig, *, explained_failures: bool = False) -> None:
        super().__init__(verify=_tls_context(config))
        self.asked_at: datetime | None = None
        self.requests = 0
        """How many were sent."""
        self._instance = config.name
        self._explained_failures = explained_failures

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        server = request.url.copy_with(userinfo=b"", path="/", query=None, fragment=None)
        began = time.monotonic()
        try:
            response = super().handle_request(request)
            response.read()
        except httpx.TimeoutException as error:
            raise Unreachable(
                self._instance,
                f"no answer from {server} in time ({type(error).__name__}): "
                "look at the server, or raise `timeouts`",
            ) from error
        except httpx.DecodingError as error:
            raise UnexpectedAnswer(
                self._instance, f"the answer to {_name(request)} cannot be decoded"
            ) from error
        except (httpx.TransportError, OSError) as error:
            raise Unreachable(
                self._instance,
                f"{server} is not reached ({error or type(error).__name__}): "
                "look at `url` and `tls`, and whether the server runs",
            ) from error
        self._note_clock(response, time.monotonic() - began)
        self._raise_refusals(request, response)
        return response

    def _note_clock(self, response: httpx.Response, took: float) -> None:
        try:
            answered_at = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return
        if answered_at.tzinfo is not None:
            self.asked_at = answered_at.astimezone(UTC) - timedelta(seconds=took)

    def _raise_refusals(self, request: httpx.Request, response: httpx.Response) -> None:
        status = response.status_code
        if (
            self._explained_failures
            and status == HTTPStatus.INTERNAL_SERVER_ERROR
            and response.headers.get("Content-Type", "").startswith("application/json")
        ):
            return
        if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ServerFailed(self._instance, f"{_name(request)} answered {_reason(status)}")
        if status == HTTPStatus.UNAUTHORIZED or (
            # Prefect's client renews its token on this one and asks again.
            status == HTTPStatus.FORBIDDEN and _CSRF_REFUSAL not in response.content
        ):
            raise LoginRefused(
                self._instance,
                f"{_name(request)} answered {_reason(status)}: look at `login`, and at what it may",
            )


def read_json(instance: str, response: httpx.Response) -> Any:
    """The body.

    Raises:
        UnexpectedAnswer: it is not JSON; a login page of a proxy is the usual case.
    """
    try:
        return response.json()
    except ValueError as error:
        kind = response.headers.get("Content-Type", "no content type")
        raise UnexpectedAnswer(
            instance,
            f"{_name(response.request)} answered {kind} that is not JSON: look at `url`, "
            "and at proxies before the server",
        ) from error


def timeout(config: InstanceConfig) -> httpx.Timeout:
    """The instance's timeouts as httpx wants them."""
    connect = config.timeouts.connect.total_seconds()
    return httpx.Timeout(config.timeouts.read.total_seconds(), connect=connect, pool=connect)


def _tls_context(config: InstanceConfig) -> ssl.SSLContext:
    tls = config.tls
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


def _name(request: httpx.Request) -> str:
    return f"{request.method} {request.url.path}"


def _reason(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
