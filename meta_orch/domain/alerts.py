"""Alerts: what is wrong now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from meta_orch.domain.pipelines import PipelineKey

LABELS = (
    "incident",
    "condition",
    "severity",
    "instance",
    "orchestrator",
    "pipeline",
    "team",
    "tags",
    "sla",
    "resource",
    "receiver",
)
"""By which alerts are routed and grouped. `tags` are all of a pipeline's, each between commas."""


class Severity(StrEnum):
    """PagerDuty's four."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """The higher the graver, from 0."""
        return len(_GRAVEST_FIRST) - 1 - _GRAVEST_FIRST.index(self)

    def raised(self, steps: int) -> Severity:
        """So many steps graver, or less grave; at most the gravest, at least the least."""
        at = _GRAVEST_FIRST.index(self) - steps
        return _GRAVEST_FIRST[min(max(at, 0), len(_GRAVEST_FIRST) - 1)]


_GRAVEST_FIRST = tuple(Severity)


class Condition(StrEnum):
    """What may be wrong."""

    FAILED = "failed"
    """The last run failed, and is not tried again."""
    FAILING_REPEATEDLY = "failing repeatedly"
    """So did the runs before it."""
    MISSING = "missing"
    """A run was due and has not come into being."""
    LATE = "late"
    """A run has been due, or queued, for longer than it usually is."""
    STUCK = "stuck"
    """A run goes on for far longer than any of the pipeline does."""
    DURATION_ABNORMAL = "duration abnormal"
    """A run takes, or took, longer or shorter than is normal."""
    AT_RISK = "at risk"
    """An SLA will likely be missed."""
    SLA_BREACHED = "sla breached"
    """An SLA was missed, and has not been met since."""
    GATE_CLOSED = "gate closed"
    """A run is held, or waits, for upstreams for longer than it should."""
    HOLD_EXPIRED = "hold expired"
    """It was held for as long as it may be, and ran all the same."""
    COLLECTOR_STALE = "collector stale"
    """What is shown of an orchestrator is not up to date."""
    ORCHESTRATOR_DOWN = "orchestrator down"
    """It does not answer, or says that a part of it does not work."""
    WORKER_GONE = "worker gone"
    """Nobody takes the runs of a work pool."""
    IMPORT_FAILED = "import failed"
    """A file of definitions, or a code location, cannot be loaded."""
    CONFLICT_AHEAD = "conflict ahead"
    """Pipelines will compete for a resource."""
    RESOURCE_SATURATED = "resource saturated"
    """A resource is full, and runs wait for it."""
    RECEIVER_FAILING = "receiver failing"
    """A receiver does not take its messages."""

    @property
    def phrase(self) -> str:
        """What is said of the subject: `airflow/orders` + `is late`."""
        return _PHRASES.get(self, self.value)


_PHRASES = {
    Condition.FAILING_REPEATEDLY: "fails repeatedly",
    Condition.MISSING: "is missing",
    Condition.LATE: "is late",
    Condition.STUCK: "is stuck",
    Condition.DURATION_ABNORMAL: "has an abnormal duration",
    Condition.AT_RISK: "will likely miss an SLA",
    Condition.SLA_BREACHED: "missed an SLA",
    Condition.GATE_CLOSED: "waits at a closed gate",
    Condition.HOLD_EXPIRED: "ran when its hold expired",
    Condition.COLLECTOR_STALE: "is not read",
    Condition.ORCHESTRATOR_DOWN: "is down",
    Condition.WORKER_GONE: "has no worker",
    Condition.IMPORT_FAILED: "cannot load a definition",
    Condition.CONFLICT_AHEAD: "has a conflict ahead",
    Condition.RESOURCE_SATURATED: "is saturated",
    Condition.RECEIVER_FAILING: "takes no messages",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that holds now."""

    condition: Condition
    subject: str
    """What it is about, as people say it: `INSTANCE/PIPELINE`, an instance, a resource."""
    since: datetime
    """Aware UTC."""
    summary: str
    """A sentence without its subject: `failed after 3 min: connection refused`."""
    severity: Severity = Severity.WARNING
    pipeline: PipelineKey | None = None
    instance: str | None = None
    name: str = ""
    """Tells it from others of the same condition and subject: the SLA's name."""
    url: str | None = None
    """The native page."""
    run_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The same for the same thing, however often it is found."""
        return ":".join(filter(None, (self.condition.value, self.subject, self.name)))
