"""What selects alerts by their labels: the matchers of Prometheus' Alertmanager."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

Labels = Mapping[str, str]
"""A label that is not there is the empty text."""

_MATCHER = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_ESCAPES = {r"\n": "\n", r"\"": '"', r"\\": "\\"}
_ESCAPE = re.compile(r"\\[n\"\\]")


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """`=`, `!=`, `=~` or `!~`; a pattern must match the whole value."""

    label: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `severity="critical"` or `team=~"data|finance"`; the quotes may be left out.

        Raises:
            ValueError: the text is no matcher; it says why.
        """
        match = _MATCHER.fullmatch(text)
        if match is None:
            raise ValueError('is no matcher; write it as severity="critical" or team=~"a|b"')
        label, operator, value = match.groups()
        if value.startswith('"') != value.endswith('"') or value == '"':
            raise ValueError("has one quote without the other")
        if value.startswith('"'):
            value = _ESCAPE.sub(lambda found: _ESCAPES[found[0]], value[1:-1])
        if operator in {"=~", "!~"}:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"has no regular expression: {error}") from None
        return cls(label, operator, value)

    def __str__(self) -> str:
        value = self.value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        return f'{self.label}{self.operator}"{value}"'

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.label, "")
        match self.operator:
            case "=":
                return value == self.value
            case "!=":
                return value != self.value
            case "=~":
                return re.fullmatch(self.value, value) is not None
            case _:
                return re.fullmatch(self.value, value) is None
