"""Incidents: a cause, and all that it brought about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from meta_orch.domain.alerts import Alert, Severity

_TOLD = 2
"""Pieces of evidence in a line."""


class IncidentState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """Somebody works on it."""
    REOPENED = "reopened"
    """It was resolved, and is not."""
    RESOLVED = "resolved"

    @property
    def is_open(self) -> bool:
        return self is not IncidentState.RESOLVED


class EventKind(StrEnum):
    OPENED = "opened"
    JOINED = "joined"
    """An alert is part of it."""
    RECOVERED = "recovered"
    """An alert is over."""
    CAUSE_FOUND = "cause found"
    SEVERITY_CHANGED = "severity changed"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    NOTED = "noted"
    MERGED = "merged"
    REOPENED = "reopened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an incident."""

    incident: int
    at: datetime
    kind: EventKind
    text: str
    by: str | None = None
    """A person; None where it came about by itself."""


class EvidenceKind(StrEnum):
    LOG = "log"
    """What the failing task said last."""
    DEFINITION = "definition"
    """It was changed before."""
    INFRASTRUCTURE = "infrastructure"
    """Something that others depend on, too, fails."""
    SIMILAR = "similar"
    """It was so before."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What points at the reason."""

    kind: EvidenceKind
    text: str
    """A line, without secrets."""
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    id: int
    """Counts from 1."""
    state: IncidentState
    cause: Alert
    """What all else of it follows from, as far as is known."""
    severity: Severity
    """The gravest that it had since it was opened."""
    opened_at: datetime
    """When it was noticed; it began at `began_at`."""
    began_at: datetime
    affected: tuple[str, ...] = ()
    """Subjects of its alerts, now and before, the cause's first."""
    owner: str | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None
    is_old: bool = False
    """Whether it began long before it was noticed: nobody is told of it."""
    evidence: tuple[Evidence, ...] = ()
    """What points most at the reason first."""
    investigated_at: datetime | None = None
    """When that was gathered; None before."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The cause's, with its own number and severity."""
        return {**self.cause.labels, "incident": str(self.id), "severity": self.severity.value}

    @property
    def likely_cause(self) -> str | None:
        """In a line; None where nothing points at it."""
        told = [each.text for each in self.evidence if each.kind is not EvidenceKind.SIMILAR]
        return "; ".join(told[:_TOLD]) or None

    @property
    def title(self) -> str:
        return f"{self.cause.subject} {self.cause.condition.phrase}"

    @property
    def took(self) -> timedelta | None:
        """From its beginning to its end; None while it is open."""
        return self.resolved_at - self.began_at if self.resolved_at else None

    @property
    def took_to_notice(self) -> timedelta:
        return self.opened_at - self.began_at


@dataclass(frozen=True, slots=True)
class TrackedAlert:
    """An alert of an incident."""

    alert: Alert
    incident: int
    joined_at: datetime
    quiet_since: datetime | None = None
    """When it was first found to be over; it is, for good, once it was so for a while."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told of what its matchers select, for a time."""

    id: int
    matchers: tuple[str, ...]
    """As `Matcher.parse` reads them; all must match."""
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of incidents from look to look."""

    alerts: Mapping[str, TrackedAlert] = field(default_factory=dict)
    """Those that are not over, by fingerprint."""
    incidents: Mapping[int, Incident] = field(default_factory=dict)
    """Those that are open, and those that were resolved lately."""
    last_id: int = 0
