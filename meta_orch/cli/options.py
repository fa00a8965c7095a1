"""Kinds of values that commands take."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from meta_orch.config.values import Duration


class _DurationType(click.ParamType[timedelta]):
    """As in meta_orch.yaml: `30m`, `2h`, `7d`."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        try:
            return TypeAdapter[timedelta](Duration).validate_python(value)
        except ValidationError as error:
            self.fail(f"{value!r} {error.errors()[0]['msg']}", param, ctx)


DURATION = _DurationType()
