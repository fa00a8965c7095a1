"""What is wrong with a configuration file, in words for the person who wrote it.

No text here repeats a value from the file: it might be a secret in the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from meta_orch.config.models import LOGIN_TYPES, MetaOrchConfig
from meta_orch.config.source import KeyPath, Source
from meta_orch.domain.errors import MetaOrchError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend."""

    file: Path
    line: int | None
    """Counts from 1; None where the file itself is at fault."""
    key: str
    """`instances[0].url`; empty where no key is at fault."""
    message: str
    """What is wrong; what to write instead."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else f"{self.file}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(MetaOrchError):
    """The configuration cannot be used. `faults` holds everything that is wrong, in the order of
    the file's lines; the text is one line for each."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def find_faults(file: Path, source: Source, error: ValidationError | None) -> tuple[Fault, ...]:
    """Every fault of a file that is YAML: keys written twice, and what validation found."""
    faults = [
        Fault(file, line, format_key(at), "stands here twice; keep one of them")
        for at, line in source.repeated
    ]
    for details in error.errors(include_url=False, include_input=False) if error else ():
        at = _key_path(details["loc"])
        line = source.line(at)
        faults.append(Fault(file, line, format_key(at), _describe(details)))
    return tuple(sorted(faults, key=lambda fault: fault.line or 0))


def format_key(at: KeyPath) -> str:
    """`("instances", 0, "url")` as `instances[0].url`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".")


def _key_path(location: tuple[str | int, ...]) -> KeyPath:
    """Pydantic's location less the kind of login, which it puts in between."""
    kind = location.index("login") + 1 if "login" in location else len(location)
    return location[:kind] + location[kind + 1 :]


_WORDS = {
    "missing": "is missing; add it",
    "union_tag_not_found": f"needs a `type`; write one of: {', '.join(LOGIN_TYPES)}",
    "union_tag_invalid": f"is of no known `type`; write one of: {', '.join(LOGIN_TYPES)}",
    "literal_error": "has another value; write {expected}",
    "greater_than_equal": "is too small; write {ge} or more",
    "less_than_equal": "is too large; write {le} or less",
    "string": "is not text; write text, in quotes where it looks like something else",
    "bool": "is neither true nor false; write true or false",
    "int": "is not a whole number; write one without quotes",
    "tuple": "is not a list; write [a, b], or one item a line after a dash",
    "path": "is not a path; write a file's path",
    "model": "is not a section; write its keys below it, indented",
}
"""What is wrong, by pydantic's name for it or by the beginning of that name."""


def _describe(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])  # our own words, from `values.py` and `models.py`
    if kind == "extra_forbidden":
        return _describe_unknown_key(details["loc"])
    for beginning, words in _WORDS.items():
        if kind.startswith(beginning):
            return words.format_map(context)
    return f"cannot be read ({kind}); see docs/configuration.md"


def _describe_unknown_key(location: tuple[str | int, ...]) -> str:
    known = list(_section(location).model_fields)
    nearest = get_close_matches(str(location[-1]), known, n=1)
    meant = f"did you mean `{nearest[0]}`?" if nearest else f"the keys here are: {', '.join(known)}"
    return f"there is no such key; {meant}"


def _section(location: tuple[str | int, ...]) -> type[BaseModel]:
    """The section that the last part of a location is a key of."""
    choices: list[type[BaseModel]] = [MetaOrchConfig]
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        if len(choices) > 1:
            choices = [c for c in choices if part in get_args(c.model_fields["type"].annotation)]
        else:
            choices = list(_sections(choices[0].model_fields[part].annotation))
    return choices[0]


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)
