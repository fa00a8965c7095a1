"""What points at the reason of an incident, by what the store has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meta_orch.domain.alerts import Condition
from meta_orch.domain.incidents import Evidence, EvidenceKind, Incident
from meta_orch.domain.words import describe_duration
from meta_orch.store import StoreReader

_TOGETHER = timedelta(minutes=5)
"""What fails so shortly before or after is counted as failing together, and from so many on that is
told: heuristics."""
_MANY = 3
_NAMED = 3
_WHEN_FAILED = frozenset({Condition.FAILED, Condition.FAILING_REPEATEDLY})


def stored_evidence(reader: StoreReader, incident: Incident) -> Iterator[Evidence]:
    """Infrastructure first, then definitions, then what was similar."""
    yield from _infrastructure(reader, incident)
    yield from _definition(reader, incident)
    yield from _similar(reader, incident)


def _infrastructure(reader: StoreReader, incident: Incident) -> Iterator[Evidence]:
    cause = incident.cause
    if cause.pipeline is None:
        return
    instance = cause.pipeline.instance
    for problem in reader.alerting.problems().get(instance, ()):
        text = f"{problem.kind.value} in {instance}: {problem.part}, {problem.text}"
        yield Evidence(EvidenceKind.INFRASTRUCTURE, text)
    if cause.condition not in _WHEN_FAILED:
        return
    failed = reader.alerting.failed_together(instance, cause.since, _TOGETHER)
    others = [name for name in failed if name not in incident.affected]
    if len(others) >= _MANY:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        yield Evidence(
            EvidenceKind.INFRASTRUCTURE,
            f"{len(others)} other pipelines of {instance} failed within "
            f"{describe_duration(_TOGETHER)} of it: {', '.join(others[:_NAMED])}{more}",
        )


def _definition(reader: StoreReader, incident: Incident) -> Iterator[Evidence]:
    cause = incident.cause
    if cause.pipeline is None or cause.run_id is None or cause.condition not in _WHEN_FAILED:
        return
    found = reader.alerting.versions_around(cause.pipeline, cause.run_id)
    if found is None or None in (found.version, found.good_version):
        return
    if found.version != found.good_version:
        yield Evidence(
            EvidenceKind.DEFINITION,
            f"its definition has changed since the last run that succeeded "
            f"({found.good_at:%Y-%m-%d %H:%M} UTC)",
        )


def _similar(reader: StoreReader, incident: Incident) -> Iterator[Evidence]:
    found = reader.alerting.similar(incident)
    if found is None:
        return
    times = "once" if found.count == 1 else f"{found.count} times"
    took = describe_duration(found.took)
    usually = f"it took {took}" if found.count == 1 else f"half of them took at most {took}"
    yield Evidence(
        EvidenceKind.SIMILAR,
        f"it was so {times} before, last from {found.last_began_at:%Y-%m-%d %H:%M} UTC "
        f"(incident {found.last}); {usually}",
    )
