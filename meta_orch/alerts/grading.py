"""How grave an alert is, for how long it must be so, and what it is labelled with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from meta_orch.config.alerts import AlertsConfig, RuleConfig
from meta_orch.domain.alerts import Alert, Condition, Severity
from meta_orch.domain.matchers import Labels
from meta_orch.domain.pipelines import Pipeline

BASE: Mapping[Condition, Severity] = {
    Condition.FAILED: Severity.ERROR,
    Condition.FAILING_REPEATEDLY: Severity.ERROR,
    Condition.MISSING: Severity.ERROR,
    Condition.LATE: Severity.WARNING,
    Condition.STUCK: Severity.WARNING,
    Condition.DURATION_ABNORMAL: Severity.INFO,
    Condition.AT_RISK: Severity.WARNING,
    Condition.SLA_BREACHED: Severity.ERROR,
    Condition.GATE_CLOSED: Severity.WARNING,
    Condition.HOLD_EXPIRED: Severity.WARNING,
    Condition.COLLECTOR_STALE: Severity.WARNING,
    Condition.ORCHESTRATOR_DOWN: Severity.CRITICAL,
    Condition.WORKER_GONE: Severity.ERROR,
    Condition.IMPORT_FAILED: Severity.ERROR,
    Condition.CONFLICT_AHEAD: Severity.INFO,
    Condition.RESOURCE_SATURATED: Severity.WARNING,
    Condition.RECEIVER_FAILING: Severity.ERROR,
}
"""Where no rule says otherwise."""
STOPS_OTHERS = frozenset(
    {
        Condition.FAILED,
        Condition.FAILING_REPEATEDLY,
        Condition.MISSING,
        Condition.LATE,
        Condition.STUCK,
    }
)
"""Conditions that keep what depends on the pipeline from its data."""
_KEEP_FIRING_FOR = timedelta(minutes=5)
_AT_ONCE = timedelta()
_NO_ORCHESTRATOR = "meta_orch"
_EVERYBODY = frozenset({"airflow", "root"})
"""Owners that orchestrators give to what nobody claimed."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the gravity of an alert depends on beside itself."""

    downstream: int = 0
    """How many pipelines depend on its own, directly or not."""
    endangers_sla: bool = False
    """Whether an SLA of one of these, or of its own, is missed or at risk."""


@dataclass(frozen=True, slots=True)
class Graded:
    alert: Alert
    after: timedelta
    """For how long it must be so."""


def labels_of(alert: Alert, pipeline: Pipeline | None, orchestrator: str | None) -> Labels:
    """Those of `LABELS` that are known of it."""
    tags = pipeline.tags if pipeline else ()
    found = {
        "condition": alert.condition.value,
        "instance": alert.instance,
        "orchestrator": orchestrator or _NO_ORCHESTRATOR,
        "pipeline": str(alert.pipeline) if alert.pipeline else None,
        "team": team_of(pipeline) if pipeline else None,
        "tags": f",{','.join(tags)}," if tags else None,
        **alert.labels,
    }
    return {name: value for name, value in found.items() if value}


def team_of(pipeline: Pipeline) -> str | None:
    """By its tag `team:NAME`, or else its first owner."""
    tagged = (tag.partition(":")[2] for tag in pipeline.tags if tag.startswith("team:"))
    owners = (o.removeprefix("team:") for o in pipeline.owners if o.lower() not in _EVERYBODY)
    return next(filter(None, (*tagged, *owners)), None)


def grade(
    alert: Alert,
    config: AlertsConfig,
    context: Context,
    *,
    pipeline: Pipeline | None = None,
    orchestrator: str | None = None,
) -> Graded | None:
    """None where a rule says that it is none."""
    labels = labels_of(alert, pipeline, orchestrator)
    rules = [rule for rule in config.rules if _names(rule, alert.condition, labels)]
    said = next((rule.severity for rule in rules if rule.severity is not None), None)
    if said == "off":
        return None
    base = Severity(said) if said else BASE[alert.condition]
    severity = base.raised(_steps(alert, config, context, pipeline))
    return Graded(
        replace(alert, severity=severity, labels={**labels, "severity": severity.value}),
        next((rule.after for rule in rules if rule.after), _AT_ONCE),
    )


def keep_firing_for(alert: Alert, config: AlertsConfig) -> timedelta:
    """For how long an alert must be well again until it is over."""
    rules = (r for r in config.rules if _names(r, alert.condition, alert.labels))
    return next((r.keep_firing_for for r in rules if r.keep_firing_for), _KEEP_FIRING_FOR)


def _names(rule: RuleConfig, condition: Condition, labels: Labels) -> bool:
    return (not rule.conditions or condition in rule.conditions) and rule.selects(labels)


def _steps(alert: Alert, config: AlertsConfig, context: Context, pipeline: Pipeline | None) -> int:
    steps = _tier(pipeline.tags if pipeline else (), config.tiers)
    if alert.condition in STOPS_OTHERS:
        steps += context.downstream >= config.wide_from
        steps += context.endangers_sla
    return steps


def _tier(tags: Iterable[str], tiers: Mapping[str, int]) -> int:
    """The step that is furthest from none, upwards where two are."""
    return max((tiers[tag] for tag in tags if tag in tiers), key=lambda s: (abs(s), s), default=0)
