"""What people are told of incidents, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from meta_orch.domain.alerts import Severity


class Status(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"
    TEST = "test"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Told:
    """An incident, in words."""

    incident: int
    status: Status
    severity: Severity
    title: str
    """What: `airflow/settle_refunds failed`."""
    summary: str
    since: datetime
    until: datetime | None
    consequence: str | None
    """What it keeps from running, or makes late; None where it is nothing."""
    likely_cause: str | None
    owner: str | None
    url: str | None
    """The native page."""
    dagster_url: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """What a receiver is told: of one incident, or of several that are grouped."""

    status: Status
    severity: Severity
    """The gravest of them."""
    dedup_key: str
    """The same for all that is told of a group: who gets it twice takes it for one."""
    labels: Mapping[str, str]
    """That the group has in common."""
    incidents: tuple[Told, ...]
    """The gravest first; of very many the first."""
    count: int
    """Of incidents."""
    is_escalation: bool = False
    is_repeat: bool = False


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to a receiver. It is there before it is sent, so that it is sent at
    least once whatever happens."""

    id: str
    receiver: str
    message: Message
    created_at: datetime
    next_attempt_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    delivered_at: datetime | None = None
    error: str | None = None
    """Why the last attempt failed."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was last told of an incident in a group."""

    status: Status
    severity: Severity
    affected: int
    cause: str


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents that one route tells together."""

    route: str
    """Which one, by its place in the tree: `0.2`."""
    labels: Mapping[str, str]
    """That they have in common."""
    due_at: datetime
    """When it is looked at next."""
    sent: Mapping[int, Sent] = field(default_factory=dict)
    sent_at: datetime | None = None
    first_sent_at: datetime | None = None
    escalated: int = 0
    """How many of the route's escalations were made."""

    @property
    def key(self) -> str:
        return group_key(self.route, self.labels)


def group_key(route: str, labels: Mapping[str, str]) -> str:
    """Names a group: `0.2:{instance="airflow"}`."""
    inside = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{route}:{{{inside}}}"
