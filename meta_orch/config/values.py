"""The kinds of value that stand in `meta_orch.yaml`: secrets, durations, cron expressions, time
zones, URLs, globs, names.

Each refuses what it cannot take with a text that says what to write instead, and that never
repeats the value: it might be a secret in the wrong place.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)

from meta_orch.domain.errors import MetaOrchError


class Section(BaseModel):
    """A mapping of the file: frozen, and no key that it does not know."""

    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,  # some keys are words of Python, and have another name in it
        extra="forbid",
        hide_input_in_errors=True,  # an input may be a secret
        use_attribute_docstrings=True,  # they are the descriptions in the JSON schema
    )


class MissingSecret(MetaOrchError, LookupError):
    """An environment variable that a login refers to is not set."""


class EnvironmentReference(Section):
    """`${NAME}`: a secret by reference."""

    variable: str

    def read(self) -> str:
        """The secret itself. Never log it, store it or put it into an error.

        Raises:
            MissingSecret: the variable is not set, or empty.
        """
        if not self.is_set:
            raise MissingSecret(f"the environment variable {self.variable} is not set")
        return os.environ[self.variable]

    @property
    def is_set(self) -> bool:
        """Whether the variable holds anything."""
        return bool(os.environ.get(self.variable))

    def __str__(self) -> str:
        return f"${{{self.variable}}}"


_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _parse_reference(value: Any) -> EnvironmentReference:
    if isinstance(value, EnvironmentReference):
        return value
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            "a secret must not stand in this file; put it in an environment variable "
            "and write ${NAME} here"
        )
    return EnvironmentReference(variable=match.group(1))


Secret = Annotated[
    EnvironmentReference,
    BeforeValidator(_parse_reference),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": f"^{_REFERENCE.pattern}$"}),
]


def _parse_option(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("${"):
        return _parse_reference(value)
    if isinstance(value, str | int | float | bool | EnvironmentReference):
        return value
    raise ValueError("is no text, number, true or false, nor a secret's ${NAME}")


Option = Annotated[
    str | int | float | bool | EnvironmentReference,
    BeforeValidator(_parse_option),
    PlainSerializer(lambda value: str(value) if isinstance(value, EnvironmentReference) else value),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
"""What a class of somebody's own is made with."""

_CLASS_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def _check_class_path(text: str) -> str:
    if not _CLASS_PATH.fullmatch(text):
        raise ValueError("is not where a class is; write it as package.module:Class")
    return text


ClassPath = Annotated[
    str,
    AfterValidator(_check_class_path),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLASS_PATH.pattern}$"}),
]

LONGEST_DURATION = timedelta(days=3650)
_DURATION = re.compile(
    r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9}(?:\.\d{1,6})?)s)?"
)


def parse_duration(text: str) -> timedelta:
    """Read `30s`, `1.5s`, `5m`, `2h`, `7d`, `1h30m`: larger units first, each at most once.

    Raises:
        ValueError: the text is none of these, or more than 3650 days.
    """
    match = _DURATION.fullmatch(text.replace(" ", ""))
    if match is None or not any(match.groups()):
        raise ValueError("is not a duration; write it as 30s, 5m, 2h, 7d or 1h30m")
    days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
    duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=float(match[4] or 0))
    if duration > LONGEST_DURATION:
        raise ValueError(f"is too long; write at most {LONGEST_DURATION.days}d")
    return duration


def format_duration(duration: timedelta) -> str:
    """What `parse_duration` reads back to the same microsecond; `0s` for nothing.

    Raises:
        ValueError: `duration` is negative.
    """
    if duration < timedelta():
        raise ValueError(f"a duration cannot be negative: {duration}")
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{duration.microseconds:06}".rstrip("0") if duration.microseconds else ""
    parts = (
        f"{duration.days}d" if duration.days else "",
        f"{hours}h" if hours else "",
        f"{minutes}m" if minutes else "",
        f"{seconds}{fraction}s" if seconds or fraction else "",
    )
    return "".join(parts) or "0s"


def _read_duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("is not a duration; write it with its unit, as 30s, 5m, 2h or 7d")
    return parse_duration(value)


def _check_positive(duration: timedelta) -> timedelta:
    if duration <= timedelta():
        raise ValueError("must be more than nothing; write it as 30s or 5m")
    return duration


Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    AfterValidator(_check_positive),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+ *[dhm] *)*(\d+(\.\d+)? *s)?$"}),
]

_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Minute, hour, day of the month, month, day of the week."""
_CRON_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/([1-9]\d?))?")


def _check_cron(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_CRON_RANGES):
        raise ValueError("is not a cron expression of five fields; write it as 30 3 * * *")
    for field, (least, most) in zip(fields, _CRON_RANGES, strict=True):
        for part in field.split(","):
            match = _CRON_PART.fullmatch(part)
            bounds = [int(bound) for bound in match.groups()[:2] if bound] if match else [-1]
            if bounds != sorted(bounds) or not all(least <= bound <= most for bound in bounds):
                raise ValueError(
                    "is not a cron expression; its fields are minute, hour, day of the month, "
                    "month and day of the week, in numbers, as in 30 3 * * 1-5"
                )
    return " ".join(fields)


Cron = Annotated[str, AfterValidator(_check_cron)]


def _check_time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # no such name; no name at all; a folder of names
        raise ValueError("is no time zone; write its IANA name, as Europe/Berlin") from None
    return text


TimeZone = Annotated[str, AfterValidator(_check_time_zone)]


def _check_plain(text: str) -> str:
    if _REFERENCE.search(text):
        raise ValueError("takes no ${NAME}, which is for secrets only; write the text itself")
    return text


Text = Annotated[str, AfterValidator(_check_plain)]


def _check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port  # raises where it is no number
    except ValueError:
        is_address, parts = False, urlsplit("")
    if "@" in parts.netloc:
        raise ValueError("must not hold a login; take USER:PASSWORD@ out and write `login`")
    if not is_address:
        raise ValueError("is not a URL; write it as https://HOST or http://HOST:PORT")
    if parts.query or parts.fragment:
        raise ValueError("must end with its path; take out what follows ? or #")
    return text.rstrip("/")


Url = Annotated[
    Text,
    AfterValidator(_check_url),
    WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://[^@?#]+$"}),
]


_CHARACTER_SET = re.compile(r"\[!?+\]?+[^]]*+\]")


def _check_glob(text: str) -> str:
    if not text.strip():
        raise ValueError("is an empty glob; write * for everything")
    if text != text.strip():
        raise ValueError("begins or ends with a space; take it out")
    # fnmatch takes a `[` without its `]` for the letter itself, which nobody means
    if "[" in _CHARACTER_SET.sub("", text):
        raise ValueError("has a [ without its ]; close it, or write [[] for the letter itself")
    return text


Glob = Annotated[Text, AfterValidator(_check_glob)]

_INSTANCE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _check_instance_name(text: str) -> str:
    if not _INSTANCE_NAME.fullmatch(text):
        raise ValueError("must be letters, digits and _, a letter first, as in airflow_prod")
    return text


InstanceName = Annotated[
    str,
    AfterValidator(_check_instance_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_INSTANCE_NAME.pattern}$"}),
]


def _check_asset_key(text: str) -> str:
    if not all(part.strip() for part in text.split("/")):
        raise ValueError("is not a key; write INSTANCE/PIPELINE, or a Dagster asset's as a/b")
    return text


AssetKeyText = Annotated[Text, AfterValidator(_check_asset_key)]
