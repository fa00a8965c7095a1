"""Where reading of an Airflow's runs stands, as text for the store."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from meta_orch.domain.time import Window
from meta_orch.orchestrators.airflow.api import RunsPlace, TaskInstancesPlace

_log = logging.getLogger(__name__)

_FORMAT = 2
_SPANS = 24
"""So many that several can be read at once to the end, and that the newest are soon read."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass under way."""

    began_at: datetime
    """By the server's clock."""
    place: RunsPlace


@dataclass(frozen=True, slots=True)
class Span:
    """Runs that were last updated within a window, both ends included, and are to be read."""

    updated: Window
    place: RunsPlace | None = None
    """Where the next page begins; None for the first."""
    ended_since: datetime | None = None
    """Runs that ended before it are left out."""


@dataclass(frozen=True, slots=True)
class TaskSweep:
    """A reading of task instances by their own time of update."""

    since: datetime
    began_at: datetime | None = None
    """None as long as it waits for its time."""
    place: TaskInstancesPlace | None = None
    """Where the next page begins; None for the first."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Every instant is UTC, by the server's clock."""

    watermark: datetime
    """Every change before it is stored, but for what `history` holds."""
    horizon: datetime | None = None
    """In the first pass only: runs that ended before it are left out."""
    swept_at: datetime | None = None
    """When all open runs were last read."""
    current: Pass | None = None
    task_sweep: TaskSweep | None = None
    history: tuple[Span, ...] = ()
    """What is still to be read of the past, the newest first."""

    def with_history(self, until: datetime) -> Self:
        """What is between the watermark and `until` becomes history, read span by span while the
        watermark goes on from `until`."""
        length = (until - self.watermark) / _SPANS
        bounds = [*(self.watermark + length * number for number in range(_SPANS)), until]
        spans = (
            Span(Window(start, end), ended_since=self.horizon)
            for start, end in zip(bounds[-2::-1], bounds[:0:-1], strict=True)
        )
        return replace(
            self,
            watermark=until,
            horizon=None,
            current=None,
            history=(*spans, *self.history),
        )

    def to_text(self) -> str:
        value: dict[str, Any] = {"format": _FORMAT, "watermark": self.watermark.isoformat()}
        if self.horizon is not None:
            value["horizon"] = self.horizon.isoformat()
        if self.swept_at is not None:
            value["swept_at"] = self.swept_at.isoformat()
        if self.current is not None:
            value["pass"] = {
                "began_at": self.current.began_at.isoformat(),
                **self.current.place.to_json(),
            }
        if self.task_sweep is not None:
            value["task_sweep"] = _write_sweep(self.task_sweep)
        if self.history:
            value["history"] = [_write_span(span) for span in self.history]
        return json.dumps(value)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Raises `ValueError`, `KeyError` or `TypeError` for what `to_text` did not write."""
        value = json.loads(text)
        if value["format"] != _FORMAT:
            raise ValueError(f"format {value['format']}")
        current = value.get("pass")
        sweep = value.get("task_sweep")
        return cls(
            watermark=_instant(value["watermark"]),
            horizon=_optional(value, "horizon"),
            swept_at=_optional(value, "swept_at"),
            current=Pass(_instant(current["began_at"]), RunsPlace.from_json(current))
            if current
            else None,
            task_sweep=_read_sweep(sweep) if sweep else None,
            history=tuple(_read_span(span) for span in value.get("history", ())),
        )


def read_cursor(text: str | None, since: datetime) -> Cursor:
    """The cursor in `text`; a first one where there is none, or one of another version of this."""
    if text is not None:
        try:
            return Cursor.from_text(text)
        except (ValueError, KeyError, TypeError):
            _log.warning("the cursor cannot be read, so runs are read anew since %s", since)
    # What ended since then was updated since then.
    return Cursor(watermark=since.astimezone(UTC), horizon=since.astimezone(UTC))


def _write_span(span: Span) -> dict[str, Any]:
    value: dict[str, Any] = {
        "from": span.updated.start.isoformat(),
        "to": span.updated.end.isoformat(),
    }
    if span.ended_since is not None:
        value["ended_since"] = span.ended_since.isoformat()
    return value if span.place is None else {**value, **span.place.to_json()}


def _read_span(value: dict[str, Any]) -> Span:
    has_place = "cursor" in value or "offset" in value
    return Span(
        Window(_instant(value["from"]), _instant(value["to"])),
        RunsPlace.from_json(value) if has_place else None,
        _optional(value, "ended_since"),
    )


def _write_sweep(sweep: TaskSweep) -> dict[str, Any]:
    value: dict[str, Any] = {"since": sweep.since.isoformat()}
    if sweep.began_at is not None:
        value["began_at"] = sweep.began_at.isoformat()
    if sweep.place is not None:
        value |= sweep.place.to_json()
    return value


def _read_sweep(value: dict[str, Any]) -> TaskSweep:
    has_place = "offset" in value or "updated_since" in value
    return TaskSweep(
        _instant(value["since"]),
        _optional(value, "began_at"),
        TaskInstancesPlace.from_json(value) if has_place else None,
    )


def _optional(value: dict[str, Any], name: str) -> datetime | None:
    return _instant(value[name]) if name in value else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
