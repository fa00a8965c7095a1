"""Instants and windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def as_utc(instant: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: `instant` has no time zone, so it is no instant.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone")
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)


def parse_instant(text: str | None) -> datetime | None:
    """Read an ISO 8601 instant as aware UTC; None and "" give None.

    A text without an offset is taken as UTC: Airflow and Prefect store UTC and some of their
    endpoints leave the offset out.

    Raises:
        ValueError: `text` is not ISO 8601.
    """
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    return as_utc(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open span of time: `start` is in it, `end` is not.

    Raises:
        ValueError: `end` is before `start`, or one of them has no time zone.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_utc(self.start))
        object.__setattr__(self, "end", as_utc(self.end))
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    def overlaps(self, other: Window) -> bool:
        """Whether an instant exists that lies in both."""
        return not self.intersection(other).is_empty

    def intersection(self, other: Window) -> Window:
        """What both cover; an empty window where they do not meet."""
        start = max(self.start, other.start)
        return Window(start, max(start, min(self.end, other.end)))
