"""What every kind of receiver shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from meta_orch.domain.errors import MetaOrchError

_SECONDS = 10.0
_TOO_MANY = 429
_SERVER_ERROR = 500
_REDIRECT = 300


class DeliveryFailed(MetaOrchError):
    """A receiver did not take a message. The text holds no secret."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final
        """Whether it would not take it another time either."""


def post(url: str, body: bytes | Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Send JSON, and have it accepted.

    Raises:
        DeliveryFailed: it was not. What the server's fault is, or a time-out, may pass.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    try:
        answer = httpx.post(url, content=content, headers=sent, timeout=_SECONDS)
    except httpx.InvalidURL as error:
        raise DeliveryFailed("its URL is none", is_final=True) from error
    except httpx.HTTPError as error:
        # Without what is said of the URL: that may be a secret.
        raise DeliveryFailed(f"no answer: {type(error).__name__}") from error
    if answer.status_code < _REDIRECT:
        return
    may_pass = answer.status_code == _TOO_MANY or answer.status_code >= _SERVER_ERROR
    raise DeliveryFailed(f"answered {answer.status_code}", is_final=not may_pass)
