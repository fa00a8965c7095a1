"""Where reading of runs stands, as text for the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from meta_orch.domain.time import Window, parse_instant

_VERSION = 2


@dataclass(frozen=True, slots=True)
class Pass:
    """What is left of a pass that has begun."""

    began_at: datetime
    """By the server's clock."""
    active_from: int | None
    """How many active runs are read; None when all are."""
    edited: Window | None
    """The span in which finished runs may have been set to another state; None when it is read."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Between passes, and within one."""

    watermark: datetime
    """What ended before it is in, save what `history` spans."""
    history: tuple[Window, ...] = ()
    """Spans of end times that are still to be read, in order. Within one, newest come first."""
    unsettled: Window | None = None
    """The span of end times of runs whose task runs are read once more: those arrive late."""
    rescanned_at: datetime | None = None
    """When the last days were last read anew."""
    current: Pass | None = None

    def with_unsettled(self, ended_at: datetime) -> Self:
        """The same, and the run that ended then is read again."""
        old = self.unsettled or Window(ended_at, ended_at)
        return replace(self, unsettled=Window(min(old.start, ended_at), max(old.end, ended_at)))

    def split_unsettled(self, until: datetime) -> tuple[Window | None, Self]:
        """The part of `unsettled` that is due, and the cursor without it."""
        span = self.unsettled
        if span is None or span.start > until:
            return None, self
        if span.end <= until:
            return span, replace(self, unsettled=None)
        rest = Window(until + timedelta(microseconds=1), span.end)
        return Window(span.start, until), replace(self, unsettled=rest)

    def write(self) -> str:
        current = self.current
        return json.dumps(
            {
                "version": _VERSION,
                "watermark": self.watermark.isoformat(),
                "history": [_write_window(span) for span in self.history],
                "unsettled": _write_window(self.unsettled),
                "rescanned_at": self.rescanned_at.isoformat() if self.rescanned_at else None,
                "pass": current
                and {
                    "began_at": current.began_at.isoformat(),
                    "active_from": current.active_from,
                    "edited": _write_window(current.edited),
                },
            }
        )

    @classmethod
    def read(cls, text: str) -> Self | None:
        """What `write` wrote; None where another version of this adapter wrote it."""
        stored = json.loads(text)
        if stored.get("version") != _VERSION:
            return None
        current = stored["pass"]
        return cls(
            watermark=_instant(stored["watermark"]),
            history=tuple(_window(span) for span in stored["history"]),
            unsettled=_read_window(stored["unsettled"]),
            rescanned_at=parse_instant(stored["rescanned_at"]),
            current=current
            and Pass(
                began_at=_instant(current["began_at"]),
                active_from=current["active_from"],
                edited=_read_window(current["edited"]),
            ),
        )


def _write_window(window: Window | None) -> list[str] | None:
    return window and [window.start.isoformat(), window.end.isoformat()]


def _read_window(stored: Any) -> Window | None:
    return stored and _window(stored)


def _window(stored: list[str]) -> Window:
    return Window(_instant(stored[0]), _instant(stored[1]))


def _instant(text: str) -> datetime:
    instant = parse_instant(text)
    if instant is None:
        raise ValueError("a cursor without an instant")
    return instant
