"""Conditions of holds, collectors, orchestrators and receivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from meta_orch.config.models import InstanceConfig
from meta_orch.domain.alerts import Alert, Condition
from meta_orch.domain.circuits import FAILURES_BEFORE_OPEN
from meta_orch.domain.health import Problem, ProblemKind
from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.notifications import Delivery
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.store import CollectorStatus

_EXPIRED_FOR = timedelta(days=1)
"""For how long a hold that expired is told of."""
_ATTEMPTS = 5
"""Of a message, after which its receiver fails."""


def of_holds(
    holds: Mapping[PipelineKey, Hold], now: datetime, closed_after: timedelta
) -> Iterator[Alert]:
    """Args:
    holds: the last one of each pipeline.
    """
    for key, hold in holds.items():
        if hold.is_dry_run:
            continue
        due = f"the run due at {hold.due_at:%Y-%m-%d %H:%M} UTC"
        if hold.state.is_open and now - hold.due_at > closed_after:
            said, since = f"{due} is held: {hold.reason}", hold.due_at + closed_after
            condition = Condition.GATE_CLOSED
        elif hold.state is HoldState.EXPIRED and hold.ended_at and _is_recent(hold, now):
            said, since = f"{due} was let go unready: {hold.reason}", hold.ended_at
            condition = Condition.HOLD_EXPIRED
        else:
            continue
        yield Alert(condition, str(key), since, said, pipeline=key, instance=key.instance)


def _is_recent(hold: Hold, now: datetime) -> bool:
    return hold.ended_at is not None and now - hold.ended_at <= _EXPIRED_FOR


def of_collectors(
    instances: Iterable[InstanceConfig],
    statuses: Mapping[str, CollectorStatus],
    now: datetime,
) -> Iterator[Alert]:
    """Instances that were not read lately, or do not answer. What was never read is being set
    up."""
    for instance in instances:
        status = statuses.get(instance.name)
        read_at = status.succeeded_at if status else None
        if status is None or read_at is None:
            continue
        since = read_at + instance.tolerance
        if status.error and status.circuit.failures >= FAILURES_BEFORE_OPEN:
            said = f"does not answer since {read_at:%H:%M} UTC: {status.error}"
            yield _of_instance(Condition.ORCHESTRATOR_DOWN, instance, read_at, said)
        elif now > since:
            said = f"last read at {read_at:%Y-%m-%d %H:%M} UTC"
            yield _of_instance(Condition.COLLECTOR_STALE, instance, since, said)


_CONDITIONS = {
    ProblemKind.DOWN: Condition.ORCHESTRATOR_DOWN,
    ProblemKind.WORKER_GONE: Condition.WORKER_GONE,
    ProblemKind.IMPORT_FAILED: Condition.IMPORT_FAILED,
}


def of_problems(
    instances: Iterable[InstanceConfig],
    problems: Mapping[str, Iterable[Problem]],
    now: datetime,
) -> Iterator[Alert]:
    """What orchestrators say does not work of them."""
    for instance in instances:
        for problem in problems.get(instance.name, ()):
            condition, since = _CONDITIONS[problem.kind], problem.since or now
            said = f"{problem.part}: {problem.text}"
            yield _of_instance(condition, instance, since, said, name=problem.part)


def _of_instance(
    condition: Condition, instance: InstanceConfig, since: datetime, said: str, name: str = ""
) -> Alert:
    url = str(instance.url) if instance.url else None
    return Alert(condition, instance.name, since, said, instance=instance.name, name=name, url=url)


def of_receivers(pending: Iterable[Delivery]) -> Iterator[Alert]:
    """Receivers that do not take what they are sent."""
    told = set()
    for delivery in pending:
        if delivery.attempts >= _ATTEMPTS and delivery.receiver not in told:
            told.add(delivery.receiver)
            yield Alert(
                Condition.RECEIVER_FAILING,
                delivery.receiver,
                delivery.created_at,
                f"takes no messages: {delivery.error}",
                labels={"receiver": delivery.receiver},
            )
