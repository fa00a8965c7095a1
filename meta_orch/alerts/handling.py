"""What people do to incidents."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.incidents import Event, EventKind, Incident, IncidentState
from meta_orch.store import StoreWriter


class NoSuchIncident(MetaOrchError):
    """There is no incident of that number, or it does not take what is asked."""


def acknowledge(writer: StoreWriter, number: int, by: str, now: datetime) -> Incident:
    """Somebody works on it: nobody is told again, unless it grows, and it goes no further. Who
    does so first owns it.

    Raises:
        NoSuchIncident: there is none of that number, or it is resolved.
    """
    incident = _open(writer, number)
    changed = replace(
        incident,
        state=IncidentState.ACKNOWLEDGED,
        acknowledged_at=incident.acknowledged_at or now,
        owner=incident.owner or by,
    )
    return _keep(writer, changed, Event(number, now, EventKind.ACKNOWLEDGED, f"by {by}", by))


def assign(writer: StoreWriter, number: int, owner: str, by: str, now: datetime) -> Incident:
    """Raises `NoSuchIncident` where there is none of that number, or it is resolved."""
    changed = replace(_open(writer, number), owner=owner)
    return _keep(writer, changed, Event(number, now, EventKind.ASSIGNED, f"to {owner}", by))


def note(writer: StoreWriter, number: int, text: str, by: str, now: datetime) -> Incident:
    """Write something into its timeline, open or not.

    Raises:
        NoSuchIncident: there is none of that number.
    """
    return _keep(writer, _any(writer, number), Event(number, now, EventKind.NOTED, text, by))


def _any(writer: StoreWriter, number: int) -> Incident:
    incident = writer.alerting.incident(number)
    if incident is None:
        raise NoSuchIncident(f"there is no incident {number}: see `meta-orch incidents`")
    return incident


def _open(writer: StoreWriter, number: int) -> Incident:
    incident = _any(writer, number)
    if not incident.state.is_open:
        raise NoSuchIncident(f"incident {number} is resolved: {incident.resolution}")
    return incident


def _keep(writer: StoreWriter, incident: Incident, event: Event) -> Incident:
    writer.alerting.save_incidents([incident])
    writer.alerting.add_events([event])
    return incident
