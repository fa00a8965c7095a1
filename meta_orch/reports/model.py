"""What a report says: data, without any form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.time import Window


class Period(StrEnum):
    DAY = "day"
    WEEK = "week"


class NotOver(MetaOrchError):
    """A report is wanted of a day that is not over."""


class FindingKind(StrEnum):
    """The gravest first: of two with the same effect that one is listed first."""

    SLA = "SLA missed"
    RISK = "SLA at risk"
    FAILURES = "failures"
    CAPACITY = "capacity"
    STAGGERING = "schedules collide"
    RACE = "reads too early"
    SLOWER = "slower than before"
    CRITICAL_TASK = "critical path"
    OVERSIZED = "more than is used"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth acting on."""

    kind: FindingKind
    subject: str
    """The pipeline or the resource."""
    title: str
    evidence: str
    effect: str
    """What is to be expected of acting on it."""
    action: str
    method: str
    """How it was computed."""
    hours: float
    """What it costs, or would save, in hours of the period: by this findings are ordered."""


@dataclass(frozen=True, slots=True)
class Number:
    """One of the figures at the top."""

    label: str
    value: str
    before: str | None
    """In the period before; None where nothing was known then."""


@dataclass(frozen=True, slots=True)
class SlaLine:
    """How an SLA was kept, with a cell for each day."""

    name: str
    pipeline: str
    met: int
    missed: int
    target: float
    days: tuple[float | None, ...]
    """The share that was met on each day of the period; None where nothing was decided."""

    @property
    def share(self) -> float | None:
        decided = self.met + self.missed
        return self.met / decided if decided else None


@dataclass(frozen=True, slots=True)
class Bar:
    """A run on the timeline."""

    started: float
    """Seconds since 1970, as the next one."""
    ended: float
    state: str
    is_critical: bool
    """Whether it was on the critical path that is shown."""


@dataclass(frozen=True, slots=True)
class Lane:
    pipeline: str
    instance: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A day across orchestrators."""

    window: Window
    lanes: tuple[Lane, ...]
    left_out: int
    """Pipelines that ran, too, and for a shorter time than those that are shown."""
    target: str | None
    """The pipeline whose critical path is marked."""
    path: tuple[str, ...]
    """The pipelines on it, the first one first."""


@dataclass(frozen=True, slots=True)
class DemandCurve:
    """A resource over the period, hour by hour."""

    kind: str
    resource: str
    hours: tuple[float, ...]
    """When each begins, in seconds since 1970: all of the period."""
    running: tuple[float, ...]
    """The peak of each hour."""
    wanted: tuple[float, ...]
    capacity: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Report:
    period: Period
    window: Window
    timezone: str
    """Of the days and of what is shown."""
    made_at: datetime
    is_last: bool
    """Whether no later period was over then. What is to come, or stood so then, is told only there:
    of an earlier one it is not known any more."""
    numbers: tuple[Number, ...]
    findings: tuple[Finding, ...]
    """The most worth acting on first, ten at most."""
    more_findings: int
    """Those that are left out."""
    slas: tuple[SlaLine, ...]
    timeline: Timeline | None
    demand: tuple[DemandCurve, ...]
    not_covered: tuple[str, ...]
    """What this report cannot tell, in words."""

    @property
    def name(self) -> str:
        """Of its files: `daily-2026-11-25`, by its last day."""
        word = "daily" if self.period is Period.DAY else "weekly"
        return f"{word}-{self.last_day}"

    @property
    def last_day(self) -> str:
        last = self.window.end - timedelta(microseconds=1)
        return f"{last.astimezone(ZoneInfo(self.timezone)).date()}"
