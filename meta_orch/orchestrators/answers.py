"""What every adapter does with an answer: read its JSON strictly, and say in words what is wrong.

The texts made here end up in the UI and in logs: they hold no header, no body of a login, and no
password out of a URL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json

from meta_orch.config.models import EnvironmentReference, Timeouts
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.base import (
    LoginRefused,
    NotFound,
    OrchestratorError,
    ServerFailed,
    UnexpectedAnswer,
    Unreachable,
)

_LONGEST_DETAIL = 300


class UnreadableJson(ValueError):
    """JSON of another shape than this API gives; the text names the field."""


class RequestRefused(UnexpectedAnswer):
    """The server took the request for wrong (400, 409, 422 and the like)."""

    def __init__(self, instance: str, message: str, status: int, detail: str) -> None:
        super().__init__(instance, message)
        self.status = status
        self.detail = detail
        """What the server says, or nothing."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read by name and type.

    The `text`, `flag`, `rows` and `instant` of a name raise `UnreadableJson` where the field is
    missing, null or of another type; their `get_` forms give None for missing and null. What is
    merely unknown, such as a new state, is the caller's to accept.
    """

    values: Mapping[str, Any]
    what: str
    """Names the object in errors: `a DAG run`."""

    @classmethod
    def of(cls, value: Any, what: str) -> Fields:
        if not isinstance(value, Mapping):
            raise UnreadableJson(f"{what} is {_kind(value)} where an object belongs")
        return cls(value, what)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        """A text of at least one character."""
        return self._required(name, self.get_text(name) or None)

    def get_text(self, name: str) -> str | None:
        return self._typed(name, str)

    def flag(self, name: str) -> bool:
        return self._required(name, self.get_flag(name))

    def get_flag(self, name: str) -> bool | None:
        return self._typed(name, bool)

    def get_integer(self, name: str) -> int | None:
        """A whole number; Airflow writes some of them as `2.0`."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise self._wrong(name, "a whole number")
        return int(value)

    def instant(self, name: str) -> datetime:
        return self._required(name, self.get_instant(name))

    def get_instant(self, name: str) -> datetime | None:
        """Aware, in UTC."""
        text = self.get_text(name)
        try:
            return parse_instant(text)
        except ValueError:
            raise self._wrong(name, "an ISO 8601 instant") from None

    def get_object(self, name: str) -> Fields | None:
        value = self.values.get(name)
        return None if value is None else Fields.of(value, f"{name} of {self.what}")

    def rows(self, name: str, what: str) -> list[Fields]:
        """The objects of a list, each named `what` in errors."""
        if self.values.get(name) is None:
            raise UnreadableJson(f"{self.what} has no {name}")
        return self.get_rows(name, what)

    def get_rows(self, name: str, what: str) -> list[Fields]:
        """The same, empty where there is no such list."""
        return [Fields.of(value, what) for value in self._typed(name, list) or ()]

    def get_texts(self, name: str) -> tuple[str, ...]:
        values = self._typed(name, list) or []
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(name, "a list of texts")
        return tuple(values)

    def _typed(self, name: str, kind: type[Any]) -> Any:
        value = self.values.get(name)
        if value is not None and not isinstance(value, kind):
            raise self._wrong(name, _NAMES[kind])
        return value

    def _required(self, name: str, value: Any) -> Any:
        if value is None:
            raise UnreadableJson(f"{self.what} has no {name}")
        return value

    def _wrong(self, name: str, expected: str) -> UnreadableJson:
        found = _kind(self.values.get(name))
        return UnreadableJson(f"{name} of {self.what} is {found} where {expected} belongs")


_NAMES: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return _NAMES.get(type(value), "something else")


def _read_json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:  # or what only the slower one reads, such as half a surrogate pair
        return json.loads(body)


def parse_json(instance: str, request: str, body: bytes) -> Any:
    """Read JSON.

    Raises:
        UnexpectedAnswer: it is something else, and what it looks like.
    """
    try:
        return _read_json(body)
    except ValueError:
        begin = body[:1000].lstrip().lower()
        if not begin:
            found = "an empty answer"
        elif begin.startswith((b"<!doctype html", b"<html")):
            found = "an HTML page (a login page or a proxy may stand before the API)"
        else:
            found = "something that is not JSON"
        raise UnexpectedAnswer(
            instance, f"{request} gave {found}: check that `url` is the orchestrator's own"
        ) from None


_HINTS: Mapping[int, tuple[type[OrchestratorError], str]] = {
    HTTPStatus.UNAUTHORIZED: (LoginRefused, "check `login`"),
    HTTPStatus.FORBIDDEN: (LoginRefused, "the login lacks this permission, or is no longer valid"),
    HTTPStatus.NOT_FOUND: (NotFound, ""),
    HTTPStatus.GONE: (NotFound, ""),
}


def error_for_status(
    instance: str,
    request: str,
    status: int,
    body: bytes = b"",
    *,
    secrets: Iterable[EnvironmentReference] = (),
    retry_after: timedelta | None = None,
) -> OrchestratorError:
    """The error that an HTTP status of 300 or more stands for, with what to do about it.

    Args:
        secrets: those of the login.
        retry_after: how long the server asked to be left alone.
    """
    detail = _detail(body)
    said = f"{request} gave {status}{f' ({detail})' if detail else ''}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        hint = "a longer `poll_interval` and fewer `connections` make fewer requests"
        return ServerFailed(instance, f"{said}: {hint}", retry_after=retry_after)
    if status in _HINTS:
        kind, hint = _HINTS[status]
        variables = " and ".join(secret.variable for secret in secrets)
        if status == HTTPStatus.UNAUTHORIZED and variables:
            hint += f" and the variable {variables}"
        return kind(instance, f"{said}: {hint}" if hint else said)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        text = f"{said}: the server's own log has the cause"
        return ServerFailed(instance, text, retry_after=retry_after)
    if status < HTTPStatus.BAD_REQUEST:
        where = "set `url` to where the server itself answers"
        return UnexpectedAnswer(instance, f"{said}, a redirect: {where}")
    return RequestRefused(instance, said, status, detail)


def unreachable(
    instance: str, url: str, error: BaseException, timeouts: Timeouts | None = None
) -> Unreachable:
    """The error for a request that got no answer; it says which limit or setting to look at."""
    where = safe_url(url)
    causes = list(_causes(error))
    kinds = {type(cause).__name__ for cause in causes}
    if kinds & {"ConnectTimeoutError", "ConnectTimeout"}:
        limit = f" within {_seconds(timeouts.connect)}" if timeouts else ""
        text = f"{where} accepts no connection{limit} (`timeouts.connect`): is `url` right?"
    elif kinds & {"ReadTimeoutError", "ReadTimeout"}:
        limit = f" within {_seconds(timeouts.read)}" if timeouts else ""
        text = f"{where} did not answer{limit} (`timeouts.read`)"
    elif kinds & {"SSLError", "SSLCertVerificationError"} or "CERTIFICATE_VERIFY" in str(error):
        text = (
            f"TLS with {where} was not agreed ({_reason(causes)}): "
            "for an authority of your own set `tls.ca_file`"
        )
    elif kinds & {"NameResolutionError", "gaierror"}:
        text = f"the name in {where} is not known here: is `url` right?"
    elif kinds & {"ConnectionRefusedError"} or "refused" in _reason(causes).lower():
        text = f"{where} refused the connection: is the server up, and `url` right?"
    else:
        text = f"the connection to {where} broke ({_reason(causes)})"
    return Unreachable(instance, text)


def safe_url(url: str) -> str:
    """A URL without user, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _detail(body: bytes) -> str:
    """What the server says of an error; never what it echoes of the request."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, TypeError, KeyError):
        return ""
    if isinstance(detail, list):
        detail = "; ".join(
            f"{'.'.join(map(str, item.get('loc', ())))}: {item.get('msg', '')}"
            for item in detail
            if isinstance(item, Mapping)
        )
    elif isinstance(detail, Mapping):
        detail = detail.get("reason", "")
    text = " ".join(str(detail).split())
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}…"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        reason = getattr(error, "reason", None)
        nested = [reason, error.__cause__, error.__context__, *error.args]
        error = next((cause for cause in nested if isinstance(cause, BaseException)), None)


def _reason(causes: list[BaseException]) -> str:
    """The innermost error in a few words."""
    cause = causes[-1]
    text = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None) or str(cause)
    return " ".join(str(text).split())[:_LONGEST_DETAIL] or type(cause).__name__


def _seconds(limit: timedelta) -> str:
    return f"{limit.total_seconds():g} s"
