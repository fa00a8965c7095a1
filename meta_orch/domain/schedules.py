"""Schedules: the rules by which orchestrators start pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class ScheduleKind(StrEnum):
    CRON = "cron"
    INTERVAL = "interval"
    RRULE = "rrule"
    ASSETS = "assets"
    """When the assets in `expression` are updated."""
    TIMETABLE = "timetable"
    """A rule written in code; `expression` is its name or summary."""
    CONTINUOUS = "continuous"
    ONCE = "once"
    SENSOR = "sensor"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One rule. A pipeline may have several, or none."""

    kind: ScheduleKind
    expression: str | None = None
    """The cron expression, the RRule, the asset condition, the timetable's summary."""
    interval: timedelta | None = None
    anchor: datetime | None = None
    """The instant that an interval is counted from."""
    timezone: str = "UTC"
    """The IANA name of the zone that the rule is evaluated in."""
    is_active: bool = True
    next_at: datetime | None = None
    """The next tick as the orchestrator itself states it."""
    name: str | None = None
