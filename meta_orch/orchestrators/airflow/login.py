"""How a request shows who asks.

A login gives headers, and gives up the ones that the server no longer takes.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from meta_orch.config.models import (
    BasicLogin,
    BearerLogin,
    CustomLogin,
    HeaderLogin,
    InstanceConfig,
    MissingSecret,
    NoLogin,
    Secret,
    TokenLogin,
)
from meta_orch.orchestrators.answers import UnreadableJson
from meta_orch.orchestrators.base import LoginRefused, NotFound, OrchestratorError, UnexpectedAnswer
from meta_orch.orchestrators.custom_login import OwnLogin

if TYPE_CHECKING:
    from meta_orch.orchestrators.airflow.transport import Transport

_TOKEN_PATH = "/auth/token"  # noqa: S105  a path, not a token
_RENEW_BEFORE_EXPIRY = 60.0
_SHORTEST_USE = 0.5
"""A token that lives for less than two minutes is used for this share of its life."""


class Credentials(Protocol):
    def headers(self, transport: Transport) -> Mapping[str, str]:
        """What to send with a request.

        Raises:
            LoginRefused: the server, or the environment, gives no login.
        """
        ...

    def discard(self, headers: Mapping[str, str]) -> bool:
        """The server refused `headers`: whether others may be had by asking again."""
        ...


def credentials_for(config: InstanceConfig) -> Credentials:
    """The credentials that `config.login` describes; nothing is sent and no secret is read.

    Raises:
        OrchestratorError: Airflow has no such login.
    """
    match config.login:
        case TokenLogin() | BasicLogin() as login:
            return _TokenCredentials(lambda transport: _exchange_password(transport, login))
        case NoLogin():
            return _TokenCredentials(_ask_without_password)
        case BearerLogin(token=token):
            return _FixedHeader(config.name, "Authorization", token, prefix="Bearer ")
        case HeaderLogin(name=name, value=value):
            return _FixedHeader(config.name, name, value)
        case CustomLogin() as login:
            return _OwnCredentials(OwnLogin(config, login))
        case login:
            raise OrchestratorError(
                config.name,
                f"Airflow has no `{login.type}` login: "
                "use `token`, `basic`, `bearer`, `header`, `custom` or `none`",
            )


class _FixedHeader:
    """A header whose value somebody else issues and renews, read anew for each request."""

    def __init__(self, instance: str, name: str, value: Secret, prefix: str = "") -> None:
        self._instance = instance
        self._name = name
        self._value = value
        self._prefix = prefix

    def headers(self, transport: Transport) -> Mapping[str, str]:
        return {self._name: self._prefix + _read(self._instance, self._value)}

    def discard(self, headers: Mapping[str, str]) -> bool:
        return False


class _OwnCredentials:
    """What a class of somebody's own gives."""

    def __init__(self, login: OwnLogin) -> None:
        self._login = login

    def headers(self, transport: Transport) -> Mapping[str, str]:
        return self._login.headers()

    def discard(self, headers: Mapping[str, str]) -> bool:
        self._login.renew()
        return True


class _TokenCredentials:
    """An `Authorization` header, kept until shortly before its token expires. Threads may share it.

    Args:
        obtain: gives the header, or None where none is needed.
    """

    def __init__(self, obtain: Callable[[Transport], str | None]) -> None:
        self._obtain = obtain
        self._headers: Mapping[str, str] | None = None
        self._renew_at = 0.0
        self._lock = threading.Lock()

    def headers(self, transport: Transport) -> Mapping[str, str]:
        with self._lock:
            if self._headers is None or time.monotonic() >= self._renew_at:
                header = self._obtain(transport)
                self._headers = {"Authorization": header} if header else {}
                self._renew_at = time.monotonic() + (_time_to_use(header) if header else 0.0)
            return self._headers

    def discard(self, headers: Mapping[str, str]) -> bool:
        with self._lock:
            if self._headers is headers:  # else another thread has renewed them already
                self._headers = None
            return True


def _exchange_password(transport: Transport, login: TokenLogin | BasicLogin) -> str:
    """A token for the password, or, for a `basic` login where there are no tokens, as in Airflow 2,
    the password itself."""
    secret = _read(transport.instance, login.password)
    body = {"username": login.username, "password": secret}
    try:
        answer = transport.send_anonymously("POST", _TOKEN_PATH, body)
    except LoginRefused:
        raise LoginRefused(
            transport.instance,
            f"Airflow did not accept the password of {login.username!r}: "
            f"check `login.username` and the variable {login.password.variable}",
        ) from None
    except NotFound:
        if isinstance(login, BasicLogin):
            return f"Basic {base64.b64encode(f'{login.username}:{secret}'.encode()).decode()}"
        raise LoginRefused(
            transport.instance,
            f"{transport.url} has no {_TOKEN_PATH}, where Airflow 3 gives tokens: check `url`, "
            "use a `basic` login for Airflow 2, or give a token of your own with a `bearer` login",
        ) from None
    try:
        return f"Bearer {answer.fields().text('access_token')}"
    except UnreadableJson as error:
        raise UnexpectedAnswer(transport.instance, str(error)) from None


def _ask_without_password(transport: Transport) -> str | None:
    """Airflow gives everybody a token where all are admins. None where nobody needs one: a server
    of another kind, which is open or stands behind something that knows who asks."""
    try:
        answer = transport.send_anonymously("GET", _TOKEN_PATH).fields()
        return f"Bearer {answer.text('access_token')}"
    except LoginRefused:
        raise LoginRefused(
            transport.instance, "this Airflow wants a login: set `login` in meta_orch.yaml"
        ) from None
    except (NotFound, UnexpectedAnswer, UnreadableJson):
        return None


def _read(instance: str, secret: Secret) -> str:
    try:
        return secret.read()
    except MissingSecret as error:
        raise LoginRefused(instance, str(error)) from None


def _time_to_use(header: str) -> float:
    """Seconds until the token in a header should be renewed, by its own dates; endless without.

    Only the difference of the two dates is used: this clock and the server's may differ.
    """
    try:
        payload = header.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        life = float(claims["exp"]) - float(claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return float("inf")
    return max(life - _RENEW_BEFORE_EXPIRY, life * _SHORTEST_USE)
