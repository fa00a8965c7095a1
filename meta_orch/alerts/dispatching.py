"""Who is told what, and when: pure, from incidents, routes and what was told before.

The times are Alertmanager's: the first of a group waits for others (`group_wait`), what is new
waits for `group_interval`, and what goes on is told again after `repeat_interval`. What is resolved
before anybody was told is not told at all. Beyond Alertmanager, an incident that grew is news, one
that somebody acknowledged is not told again, and one that nobody acknowledged goes further
(`escalate`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from meta_orch.alerts.muting import Muting, is_quiet
from meta_orch.alerts.routing import Route, matching
from meta_orch.config.alerts import AlertsConfig
from meta_orch.domain.incidents import Incident, IncidentState
from meta_orch.domain.notifications import Group, Sent, Status, group_key

_GROWN = 2
"""How many times as many must be affected for that to be news: a heuristic, by which a thousand are
told in ten messages."""


_Members = tuple[Route, Mapping[str, str], list[Incident]]


@dataclass(frozen=True, slots=True)
class Notification:
    """A receiver is to be told of a group."""

    id: str
    receiver: str
    group: Group
    incidents: tuple[Incident, ...]
    """What is wrong, and what was, the gravest first."""
    is_escalation: bool = False
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Dispatch:
    notifications: tuple[Notification, ...]
    groups: Mapping[str, Group]
    """By their keys, as they are to be remembered."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Tells what is to be told at a moment."""

    config: AlertsConfig
    tree: Route
    """The root of the routes."""
    muting: Muting
    now: datetime

    def dispatch(self, incidents: Iterable[Incident], groups: Mapping[str, Group]) -> Dispatch:
        """Args:
        incidents: those that are open, and those that were resolved lately.
        groups: as they were remembered.
        """
        told: list[Notification] = []
        kept: dict[str, Group] = {}
        for key, (route, labels, found) in sorted(self._members(incidents, groups).items()):
            first = Group(route.place, labels, _first_look(route, found, self.now))
            step = self._look(groups.get(key) or first, route, found)
            told += step.notifications
            kept |= step.groups
        return Dispatch(tuple(told), kept)

    def _members(
        self, incidents: Iterable[Incident], groups: Mapping[str, Group]
    ) -> Mapping[str, _Members]:
        """The incidents of each group, by its key."""
        by_id = {incident.id: incident for incident in incidents}
        members: dict[str, _Members] = {}
        for incident in by_id.values():
            if not incident.state.is_open:
                continue
            for route in matching(self.tree, incident.labels):
                labels = route.group_labels(incident.labels)
                key = group_key(route.place, labels)
                members.setdefault(key, (route, labels, []))[2].append(incident)
        routes = {route.place: route for route in self.tree.all()}
        for key, group in groups.items():
            route = routes.get(group.route)
            if route is None:
                continue
            # An incident stays where it was told, though its labels have changed since.
            found = members.setdefault(key, (route, group.labels, []))[2]
            known = {incident.id for incident in found}
            found += [by_id[n] for n in group.sent if n in by_id and n not in known]
        return members

    def _look(self, group: Group, route: Route, found: Sequence[Incident]) -> Dispatch:
        heard = [incident for incident in found if self._is_heard(incident, group)]
        is_alive = any(incident.state.is_open for incident in found)
        told: list[Notification] = []
        if self.now >= group.due_at:
            group = replace(group, due_at=self.now + route.group_interval)
            news = _news(group, heard, route, self.now)
            is_quiet_now = is_quiet(route.config, self.config, self.now) is not None
            if news is not None and not is_quiet_now:
                after = _sent(group, heard, found, self.now)
                if route.receiver is not None:
                    told.append(
                        self._notification(route.receiver, after, heard, is_repeat=not news)
                    )
                group = after
            is_told = news is None or not is_quiet_now
            if not is_alive and is_told:
                return Dispatch(tuple(told), {})
        group, further = self._escalate(group, route, heard)
        return Dispatch((*told, *further), {group.key: group})

    def _is_heard(self, incident: Incident, group: Group) -> bool:
        """Of what somebody was told they are told the end, be it silenced meanwhile."""
        if incident.state.is_open:
            return self.muting.reason(incident) is None
        return incident.id in group.sent

    def _escalate(
        self, group: Group, route: Route, heard: Sequence[Incident]
    ) -> tuple[Group, list[Notification]]:
        open_ones = [
            incident
            for incident in heard
            if incident.state in {IncidentState.OPEN, IncidentState.REOPENED}
            and incident.id in group.sent
        ]
        told: list[Notification] = []
        while (
            open_ones
            and group.first_sent_at is not None
            and group.escalated < len(route.escalate)
            and self.now - group.first_sent_at >= route.escalate[group.escalated].after
        ):
            receiver = route.escalate[group.escalated].receiver
            group = replace(group, escalated=group.escalated + 1)
            told.append(self._notification(receiver, group, open_ones, is_escalation=True))
        return group, told

    def _notification(
        self,
        receiver: str,
        group: Group,
        heard: Iterable[Incident],
        *,
        is_escalation: bool = False,
        is_repeat: bool = False,
    ) -> Notification:
        found = sorted(heard, key=lambda i: (not i.state.is_open, -i.severity.rank, i.id))
        text = f"{receiver}\n{group.key}\n{self.now.isoformat()}\n{group.escalated}"
        return Notification(
            hashlib.sha256(text.encode()).hexdigest()[:32],
            receiver,
            group,
            tuple(found),
            is_escalation=is_escalation,
            is_repeat=is_repeat,
        )


def _first_look(route: Route, found: Sequence[Incident], now: datetime) -> datetime:
    """What has been so for longer than the others are waited for need not wait."""
    noticed = min((incident.opened_at for incident in found), default=now)
    return max(now, noticed + route.group_wait)


def _news(group: Group, heard: Sequence[Incident], route: Route, now: datetime) -> bool | None:
    """True for what is new, False for what is to be repeated, None for nothing to be told."""
    for incident in heard:
        before = group.sent.get(incident.id)
        if not incident.state.is_open:
            if before is not None and before.status is Status.FIRING:
                return True
        elif before is None or before.status is Status.RESOLVED or _has_grown(incident, before):
            return True
    unacknowledged = any(
        incident.state.is_open and incident.state is not IncidentState.ACKNOWLEDGED
        for incident in heard
    )
    is_due = group.sent_at is not None and now - group.sent_at >= route.repeat_interval
    return False if unacknowledged and is_due else None


def _has_grown(incident: Incident, before: Sent) -> bool:
    return (
        incident.severity.rank > before.severity.rank
        or incident.cause.fingerprint != before.cause
        or len(incident.affected) >= _GROWN * max(before.affected, 1)
    )


def _sent(
    group: Group, heard: Iterable[Incident], found: Iterable[Incident], now: datetime
) -> Group:
    """The group once it was told of what is heard; of what is muted now it was told before."""
    open_ones = {incident.id for incident in found if incident.state.is_open}
    kept = {number: each for number, each in group.sent.items() if number in open_ones}
    told = {
        incident.id: Sent(
            Status.FIRING,
            incident.severity,
            len(incident.affected),
            incident.cause.fingerprint,
        )
        for incident in heard
        if incident.state.is_open
    }
    return replace(
        group, sent={**kept, **told}, sent_at=now, first_sent_at=group.first_sent_at or now
    )
