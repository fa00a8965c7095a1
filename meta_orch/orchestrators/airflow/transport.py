"""Requests to one Airflow, carried by its official client.

The client's typed models break whenever server and client differ in version, so only its transport
is used: it builds the request, keeps the connections, speaks TLS and knows proxies. What comes back
is JSON, read by `parse.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators.airflow.login import Credentials, credentials_for
from meta_orch.orchestrators.answers import (
    Fields,
    error_for_status,
    parse_json,
    unreachable,
)
from meta_orch.orchestrators.base import OrchestratorError, UnexpectedAnswer, Unreachable
from meta_orch.orchestrators.retries import BUSY, Sender, read_retry_after

if TYPE_CHECKING:
    from airflow_client.client.api_client import ApiClient

Query = Sequence[tuple[str, str | int | bool]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer, not yet parsed."""

    instance: str
    request: str
    """Method and path, for errors."""
    headers: Mapping[str, str]
    body: bytes

    def fields(self) -> Fields:
        """The JSON object in it.

        Raises:
            UnexpectedAnswer: it holds something else.
        """
        value = parse_json(self.instance, self.request, self.body)
        if not isinstance(value, Mapping):
            raise UnexpectedAnswer(self.instance, f"{self.request} gave JSON that is no object")
        return Fields(value, f"the answer to {self.request}")

    @property
    def retry_after(self) -> timedelta | None:
        """How long the server asks to be left alone."""
        return read_retry_after(self.headers.get("retry-after"), datetime.now(UTC))

    @property
    def sent_at(self) -> datetime:
        """The server's clock, UTC, from the `Date` header.

        Raises:
            UnexpectedAnswer: there is none, or it is unreadable.
        """
        try:
            return parsedate_to_datetime(self.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError, TypeError):
            raise UnexpectedAnswer(
                self.instance, f"{self.request} gave no Date header, which tells the server's time"
            ) from None


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: Query = ()
    body: Mapping[str, Any] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    acts: bool = False
    """Whether it changes something."""


class Transport:
    """Sends requests with the instance's login, TLS options and time limits. Threads may share it.

    What reads is sent again where the server is busy or does not answer (see `retries`). What acts
    is sent again only when the server refused it for its login, thus without acting on it.

    Every method raises a subclass of `OrchestratorError`, and nothing else.
    """

    def __init__(self, config: InstanceConfig) -> None:
        if not config.url:
            raise OrchestratorError(config.name, "an Airflow instance needs a `url`")
        self.instance = config.name
        self.url = server_url(config.url)
        self.requests_sent = 0
        """Answered or not."""
        self._config = config
        self._credentials: Credentials = credentials_for(config)
        self._client: ApiClient | None = None
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(config.connections)
        self._sender = Sender()

    def get(self, path: str, query: Query = (), **names: str) -> Answer:
        """Args:
        path: from the server's root; `{name}` is replaced by that of `names`, quoted.
        """
        return self._send_logged_in(_Request("GET", path, query, names=names))

    def post(self, path: str, body: Mapping[str, Any], **names: str) -> Answer:
        """Ask for what a GET cannot name."""
        return self._send_logged_in(_Request("POST", path, body=body, names=names))

    def act(self, path: str, body: Mapping[str, Any], **names: str) -> Answer:
        """Change something, by POST."""
        return self._send_logged_in(_Request("POST", path, body=body, names=names, acts=True))

    def patch(self, path: str, body: Mapping[str, Any], query: Query = (), **names: str) -> Answer:
        """Change something to what it may be already."""
        return self._send_logged_in(
            _Request("PATCH", path, query, body=body, names=names, acts=True)
        )

    def send_anonymously(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Answer:
        """Send without a login: for the login itself, and for what needs none."""
        return self._accept(*self._send_patiently(_Request(method, path, body=body), {}))

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.rest_client.pool_manager.clear()

    def _send_logged_in(self, request: _Request) -> Answer:
        headers = self._credentials.headers(self)
        status, answer = self._send_patiently(request, headers)
        if _is_login_refused(status, answer.body) and self._credentials.discard(headers):
            status, answer = self._send_patiently(request, self._credentials.headers(self))
        return self._accept(status, answer)

    def _send_patiently(self, request: _Request, headers: Mapping[str, str]) -> tuple[int, Answer]:
        return self._sender.send(
            lambda: self._send(request, headers),
            busy=lambda sent: sent[0] in BUSY,
            retry_after=lambda sent: sent[1].retry_after,
            no_answer=Unreachable,
            acts=request.acts,
        )

    def _accept(self, status: int, answer: Answer) -> Answer:
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            secrets = self._config.secrets
            raise error_for_status(
                self.instance,
                answer.request,
                status,
                answer.body,
                secrets=secrets,
                retry_after=answer.retry_after,
            )
        return answer

    def _send(self, request: _Request, headers: Mapping[str, str]) -> tuple[int, Answer]:
        client = self._connected()
        limits = self._config.timeouts
        method, url, sent_headers, body, _ = client.param_serialize(
            request.method,
            request.path,
            path_params=dict(request.names),
            query_params=list(request.query),
            header_params={
                "Accept": "application/json",
                **({} if request.body is None else {"Content-Type": "application/json"}),
                **headers,
            },
            body=request.body,
        )
        with self._lock:
            self.requests_sent += 1
        try:
            with self._free:
                response = client.call_api(
                    method,
                    url,
                    header_params=sent_headers,
                    body=body,
                    _request_timeout=(limits.connect.total_seconds(), limits.read.total_seconds()),
                )
                content = response.read()
        except _no_answer() as error:
            # `from None`: the chain holds the client's objects, and they hold the headers.
            raise unreachable(self.instance, url, error, limits) from None
        return response.status, Answer(
            self.instance,
            f"{method} {urlsplit(url).path}",
            {name.lower(): value for name, value in response.headers.items()},
            content or b"",
        )

    def _connected(self) -> ApiClient:
        with self._lock:
            if self._client is None:
                self._client = _make_client(self._config, self.url)
            return self._client


def server_url(url: str) -> str:
    """What people paste, reduced to the server's root: without `/api/v2` and a closing slash."""
    return url.rstrip("/").removesuffix("/api/v2").removesuffix("/api/v1").rstrip("/")


def _make_client(config: InstanceConfig, url: str) -> ApiClient:
    # Two seconds of CPU, so not before the first request.
    import urllib3
    from airflow_client.client.api_client import ApiClient
    from airflow_client.client.configuration import Configuration

    settings = Configuration(host=url)
    settings.verify_ssl = config.tls.verify
    settings.ssl_ca_cert = _readable(config, "ca_file", config.tls.ca_file)
    settings.cert_file = _readable(config, "client_certificate", config.tls.client_certificate)
    settings.key_file = _readable(config, "client_key", config.tls.client_key)
    settings.connection_pool_maxsize = config.connections
    # Retries are ours (`_send_patiently`). A redirect leads to a login page or to another address,
    # and is not followed: the first is no answer, and the second belongs into `url`.
    settings.retries = urllib3.Retry(total=0, redirect=0, raise_on_redirect=False)
    if not config.tls.verify:
        # Said once in `meta_orch.yaml`, by somebody who wants it; not again at every request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    client = ApiClient(settings)
    client.user_agent = "meta_orch"
    return client


def _no_answer() -> tuple[type[Exception], ...]:
    """What the client raises where no whole answer came."""
    from airflow_client.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    return HTTPError, OSError, ApiException


def _readable(config: InstanceConfig, setting: str, path: Path | None) -> str | None:
    if path is not None and not path.is_file():
        raise OrchestratorError(config.name, f"there is no file {path} (`tls.{setting}`)")
    return None if path is None else str(path)


def _is_login_refused(status: int, body: bytes) -> bool:
    """Whether another token could help. Airflow answers 401 to an expired token, 403 to one that it
    cannot read (its key was changed), and `403 Forbidden` to a permission that is not there."""
    if status == HTTPStatus.FORBIDDEN:
        return b'"Forbidden"' not in body
    return status == HTTPStatus.UNAUTHORIZED
