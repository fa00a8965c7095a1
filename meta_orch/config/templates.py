"""Parameters with `{{ }}` in them, filled in with what a trigger knows of upstream runs.

A text that is one expression and nothing else becomes the expression's value, of whatever type; any
other text stays one. Expressions are Jinja's, in its sandbox: they read and call what is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

_EXPRESSION = re.compile(r"\s*\{\{((?:(?!\}\}|\{\{).)*)\}\}\s*", re.DOTALL)
NAMES = frozenset({"upstream", "upstreams", "trigger"})
"""What an expression may refer to."""


class TemplateFailed(ValueError):
    """An expression has no value. The text says which, and why."""


def fill_in(value: Any, names: Mapping[str, Any]) -> Any:
    """A JSON value with every text in it filled in. Instants and dates become ISO 8601 texts, spans
    seconds.

    Raises:
        TemplateFailed: an expression refers to what is not there, or fails.
    """
    if isinstance(value, str):
        return _fill_in_text(value, names)
    if isinstance(value, Mapping):
        return {key: fill_in(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill_in(item, names) for item in value]
    return value


def template_faults(value: Any) -> Iterator[str]:
    """What is wrong with the texts of a JSON value, as far as can be told beforehand."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from template_faults(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from template_faults(item)
    elif isinstance(value, str) and "{" in value:
        yield from _faults_of_text(value)


def _faults_of_text(text: str) -> Iterator[str]:
    from jinja2 import TemplateSyntaxError, meta

    environment = _environment()
    try:
        parsed = environment.parse(text)
    except TemplateSyntaxError as error:
        yield f"{text!r} is no template: {error.message}"
        return
    unknown = sorted(meta.find_undeclared_variables(parsed) - NAMES)
    if unknown:
        yield (
            f"{text!r} refers to {', '.join(unknown)}; write one of: {', '.join(sorted(NAMES))}, "
            "as in {{ upstream.due_at }}"
        )


def _fill_in_text(text: str, names: Mapping[str, Any]) -> Any:
    from jinja2 import TemplateError

    if "{" not in text:
        return text
    environment = _environment()
    try:
        if whole := _EXPRESSION.fullmatch(text):
            value = environment.compile_expression(whole[1], undefined_to_none=False)(**names)
            if environment.undefined in type(value).__mro__:
                str(value)  # raises, with its name
            return _as_json(value)
        return environment.from_string(text).render(**names)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise TemplateFailed(f"{text!r} has no value: {error}") from error


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_json(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=_shown, keep_trailing_newline=True
    )


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
