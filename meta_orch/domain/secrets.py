"""Keeping secrets out of what is stored and shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
_SECRET_NAME = re.compile(
    r"(^|_)pass$|passw(or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential"
    r"|authori[sz]ation",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"(?P<name>[\w-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|credential)[\w-]*[\"']?\s*[=:]\s*[\"']?)(?P<value>[^\s\"',;&)}]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<scheme>\b(?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+@", re.IGNORECASE)


def mask_text(text: str) -> str:
    """A line of a log without what looks like a secret: what is assigned to a name that says so,
    what follows `Bearer`, and passwords in URLs."""
    text = _URL_PASSWORD.sub(rf"\g<scheme>{MASK}@", text)
    text = _BEARER.sub(rf"\g<scheme>{MASK}", text)
    return _ASSIGNED.sub(rf"\g<name>{MASK}", text)


def mask_secrets(value: Any, name: str = "") -> Any:
    """A copy of a JSON value in which secrets read `***`.

    A secret is the value of a key whose name says so (the list that Airflow masks by, in short), at
    any depth, or the password in a URL.
    """
    if name and _SECRET_NAME.search(name) and value is not None:
        return MASK
    if isinstance(value, Mapping):
        return {key: mask_secrets(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_secrets(item) for item in value]
    if isinstance(value, str):
        return _URL_PASSWORD.sub(rf"\g<scheme>{MASK}@", value)
    return value
