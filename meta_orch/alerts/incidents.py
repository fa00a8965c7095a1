"""From alerts to incidents: pure, from what is remembered and what is wrong now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from meta_orch.alerts.correlation import find_causes
from meta_orch.alerts.grading import Graded, keep_firing_for
from meta_orch.config.alerts import AlertsConfig
from meta_orch.dependencies.graph import Lineage
from meta_orch.domain.alerts import Alert, Severity
from meta_orch.domain.incidents import (
    Event,
    EventKind,
    Incident,
    IncidentState,
    Memory,
    TrackedAlert,
)
from meta_orch.domain.words import describe_duration

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Change:
    """What a look brought."""

    memory: Memory
    alerts: tuple[TrackedAlert, ...]
    """Those that changed, and those that are over now."""
    incidents: tuple[Incident, ...]
    """Those that changed."""
    events: tuple[Event, ...]


def advance(
    memory: Memory,
    found: Iterable[Graded],
    lineage: Lineage,
    now: datetime,
    config: AlertsConfig,
) -> Change:
    """Make of what is wrong one incident a cause.

    An alert that is over for less than its `keep_firing_for` still counts. One that is part of an
    incident stays with it, unless the cause of that is found to follow from another: then the
    incidents become one. An incident is resolved when none of its alerts is left.
    """
    return _Advance(memory, lineage, now, config).run(found)


class _Advance:
    def __init__(
        self, memory: Memory, lineage: Lineage, now: datetime, config: AlertsConfig
    ) -> None:
        self._before = memory
        self._lineage = lineage
        self._now = now
        self._config = config
        self._tracked = dict(memory.alerts)
        self._incidents = dict(memory.incidents)
        self._last_id = memory.last_id
        self._of_cause: defaultdict[str, set[int]] = defaultdict(set)
        """Incidents by the fingerprints of the causes that they have or had."""
        for number, incident in self._incidents.items():
            self._of_cause[incident.cause.fingerprint].add(number)
        self._ended: list[TrackedAlert] = []
        self._events: list[Event] = []

    def run(self, found: Iterable[Graded]) -> Change:
        graded = {one.alert.fingerprint: one for one in found}
        firing = {
            fingerprint: one.alert
            for fingerprint, one in graded.items()
            if fingerprint in self._tracked or self._now - one.alert.since >= one.after
        }
        self._note_what_is_over(firing)
        current = [tracked.alert for tracked in self._tracked.values()]
        current += [alert for key, alert in firing.items() if key not in self._tracked]
        causes = find_causes(current, self._lineage)
        groups: defaultdict[str, list[Alert]] = defaultdict(list)
        for alert in current:
            groups[causes[alert.fingerprint]].append(alert)
        by_fingerprint = {alert.fingerprint: alert for alert in current}
        for root in sorted(groups, key=lambda key: (by_fingerprint[key].since, key)):
            self._place(by_fingerprint[root], groups[root])
        self._resolve_what_is_well()
        self._grade()
        return self._change()

    def _note_what_is_over(self, firing: Mapping[str, Alert]) -> None:
        for fingerprint, tracked in [*self._tracked.items()]:
            if fingerprint in firing:
                alert = firing[fingerprint]
                since = min(alert.since, tracked.alert.since)
                alert = replace(alert, since=since)
                self._tracked[fingerprint] = replace(tracked, alert=alert, quiet_since=None)
                continue
            quiet_since = tracked.quiet_since or self._now
            if self._now - quiet_since < keep_firing_for(tracked.alert, self._config):
                self._tracked[fingerprint] = replace(tracked, quiet_since=quiet_since)
                continue
            del self._tracked[fingerprint]
            self._ended.append(replace(tracked, quiet_since=quiet_since, ended_at=quiet_since))
            said = f"no more: {tracked.alert.subject} {tracked.alert.condition.phrase}"
            self._tell(tracked.incident, EventKind.RECOVERED, said, at=quiet_since)

    def _place(self, root: Alert, members: Collection[Alert]) -> None:
        """Put what follows from one cause into one incident."""
        target = self._incident_of(root, members) or self._reopened(root) or self._opened(root)
        fingerprints = {member.fingerprint for member in members}
        self._absorb(target, fingerprints)
        for member in sorted(members, key=lambda m: (m is not root, m.since, m.fingerprint)):
            if member.fingerprint not in self._tracked:
                joined = TrackedAlert(member, target, self._now)
                self._tracked[member.fingerprint] = joined
                said = f"{member.subject} {member.condition.phrase}: {member.summary}"
                self._tell(target, EventKind.JOINED, said)
        self._name_cause(target, root, fingerprints)

    def _incident_of(self, root: Alert, members: Iterable[Alert]) -> int | None:
        tracked = self._tracked.get(root.fingerprint)
        if tracked is not None:
            return tracked.incident
        of_members = {
            found.incident
            for member in members
            if (found := self._tracked.get(member.fingerprint)) is not None
        }
        fingerprints = {member.fingerprint for member in members}
        explained = (
            number
            for number in sorted(of_members)
            if self._incidents[number].cause.fingerprint in fingerprints
        )
        return next(explained, None)

    def _absorb(self, target: int, members: Collection[str]) -> None:
        """Take in incidents whose cause follows from this one's."""
        found = {number for member in members for number in self._of_cause.get(member, ())}
        for number in sorted(found - {target}):
            other = self._incidents[number]
            if not other.state.is_open or other.cause.fingerprint not in members:
                continue
            for fingerprint, tracked in [*self._tracked.items()]:
                if tracked.incident == number:
                    self._ended.append(replace(tracked, ended_at=self._now))
                    self._tracked[fingerprint] = replace(tracked, incident=target)
            self._set(number, state=IncidentState.RESOLVED, resolved_at=self._now)
            self._set(number, resolution=f"it is part of incident {target}")
            self._tell(number, EventKind.MERGED, f"part of incident {target}")
            self._tell(target, EventKind.MERGED, f"takes in incident {number}")
            # Who was told of the one that is taken in is told of this one, however old it is.
            self._set(target, is_old=self._incidents[target].is_old and other.is_old)

    def _reopened(self, root: Alert) -> int | None:
        for number in sorted(self._of_cause.get(root.fingerprint, ()), reverse=True):
            incident = self._incidents[number]
            if incident.state.is_open or incident.resolved_at is None:
                continue
            is_same = incident.cause.fingerprint == root.fingerprint
            if is_same and self._now - incident.resolved_at <= self._config.reopen_within:
                self._set(
                    number,
                    state=IncidentState.REOPENED,
                    cause=root,
                    resolved_at=None,
                    resolution=None,
                    acknowledged_at=None,
                    evidence=(),
                    investigated_at=None,
                )
                self._tell(number, EventKind.REOPENED, f"{root.subject} {root.condition.phrase}")
                return number
        return None

    def _opened(self, root: Alert) -> int:
        self._last_id += 1
        number = self._last_id
        self._of_cause[root.fingerprint].add(number)
        self._incidents[number] = Incident(
            number,
            IncidentState.OPEN,
            root,
            root.severity,
            self._now,
            min(root.since, self._now),
            is_old=self._now - root.since > self._config.old_from,
        )
        self._tell(number, EventKind.OPENED, f"{root.subject} {root.condition.phrase}")
        return number

    def _name_cause(self, number: int, root: Alert, members: Collection[str]) -> None:
        incident = self._incidents[number]
        if incident.cause.fingerprint == root.fingerprint:
            self._set(number, cause=root)
        elif incident.cause.fingerprint in members:
            began_at = min(incident.began_at, root.since)
            self._set(number, cause=root, began_at=began_at, evidence=(), investigated_at=None)
            said = f"{incident.cause.subject} follows from {root.subject} {root.condition.phrase}"
            self._tell(number, EventKind.CAUSE_FOUND, said)

    def _resolve_what_is_well(self) -> None:
        alive = {tracked.incident for tracked in self._tracked.values()}
        for number, incident in self._incidents.items():
            if incident.state.is_open and number not in alive:
                last = max(
                    (t.ended_at for t in self._ended if t.incident == number and t.ended_at),
                    default=self._now,
                )
                took = describe_duration(max(last - incident.began_at, timedelta()))
                said = f"all of it is well again, after {took}"
                self._set(number, state=IncidentState.RESOLVED, resolved_at=last, resolution=said)
                self._tell(number, EventKind.RESOLVED, said)

    def _grade(self) -> None:
        """Severities, and what is affected."""
        members: defaultdict[int, list[Alert]] = defaultdict(list)
        for tracked in self._tracked.values():
            members[tracked.incident].append(tracked.alert)
        for number, alerts in members.items():
            incident = self._incidents[number]
            worst: Severity = max((a.severity for a in alerts), key=lambda s: s.rank)
            if worst.rank > incident.severity.rank:
                said = f"from {incident.severity.value} to {worst.value}"
                if incident.opened_at != self._now:
                    self._tell(number, EventKind.SEVERITY_CHANGED, said)
                self._set(number, severity=worst)
            known = dict.fromkeys((incident.cause.subject, *incident.affected))
            fresh = sorted({alert.subject for alert in alerts} - known.keys())
            self._set(number, affected=(*known, *fresh))

    def _set(self, number: int, **values: object) -> None:
        changed = replace(self._incidents[number], **values)  # pyright: ignore[reportArgumentType]  # by keyword
        self._incidents[number] = changed
        self._of_cause[changed.cause.fingerprint].add(number)

    def _tell(self, number: int, kind: EventKind, text: str, *, at: datetime | None = None) -> None:
        self._events.append(Event(number, at or self._now, kind, text))

    def _change(self) -> Change:
        return Change(
            Memory(self._tracked, self._incidents, self._last_id),
            (*self._ended, *_changed(self._before.alerts, self._tracked)),
            tuple(_changed(self._before.incidents, self._incidents)),
            tuple(self._events),
        )


def _changed(before: Mapping[_K, _V], after: Mapping[_K, _V]) -> Iterator[_V]:
    for key, value in after.items():
        if before.get(key) != value:
            yield value
