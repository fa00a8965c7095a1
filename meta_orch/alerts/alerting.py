"""One look: what is wrong, whose incident it is, who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meta_orch.alerts.dispatching import Dispatch, Dispatcher, Notification
from meta_orch.alerts.incidents import Change, advance
from meta_orch.alerts.messages import compose
from meta_orch.alerts.muting import Muting
from meta_orch.alerts.routing import build_routes
from meta_orch.alerts.watching import Sight, Watch
from meta_orch.config import MetaOrchConfig
from meta_orch.domain.alerts import Condition
from meta_orch.domain.incidents import Event, EventKind, Incident, Memory
from meta_orch.domain.notifications import Delivery
from meta_orch.store import Store, StoreReader, StoreWriter

_RESOLVED_WITHIN = timedelta(days=7)
"""What was resolved so lately may not have been told yet."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came of it."""

    memory: Memory
    changed: tuple[Incident, ...]
    deliveries: tuple[Delivery, ...]
    """Messages that are to be sent."""

    @property
    def open(self) -> tuple[Incident, ...]:
        return tuple(i for i in self.memory.incidents.values() if i.state.is_open)


@dataclass(frozen=True, slots=True)
class _Step:
    change: Change
    dispatch: Dispatch
    told: tuple[tuple[Notification, Delivery], ...]
    groups: Mapping[str, object]
    """As they were before."""

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        return tuple(delivery for _, delivery in self.told)

    @property
    def is_quiet(self) -> bool:
        found = (self.change.alerts, self.change.incidents, self.change.events, self.told)
        return not any(found) and self.dispatch.groups == self.groups


class Alerter:
    """Looks again and again; what it must not forget is in the store.

    Args:
        webserver_url: of Dagster's UI, for links.
        clock: gives the time as aware UTC.
    """

    def __init__(
        self,
        config: MetaOrchConfig,
        store: Store,
        watch: Watch,
        webserver_url: str | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._store = store
        self._watch = watch
        self._webserver_url = webserver_url
        self._clock = clock
        self._tree = build_routes(config.alerts.route)

    def look(self) -> Look:
        """Keep what is found, with the messages that are to be sent, all or nothing. Where nothing
        changed nothing is written."""
        now = self._clock()
        with self._store.read() as reader:
            sight = self._watch.look(reader, now)
            step = self._step(reader, sight, now)
        if not step.is_quiet:
            with self._store.write() as writer:
                # Once more, as somebody may have acknowledged or silenced something meanwhile.
                step = self._step(writer, sight, now)
                self._save(writer, step, now)
        return Look(step.change.memory, step.change.incidents, step.deliveries)

    def _step(self, reader: StoreReader, sight: Sight, now: datetime) -> _Step:
        alerting = reader.alerting
        memory = alerting.memory(now - _RESOLVED_WITHIN)
        change = advance(memory, sight.alerts, sight.lineage, now, self._config.alerts)
        incidents = [*change.memory.incidents.values()]
        groups = alerting.groups()
        muting = Muting(self._config.alerts, alerting.silences(now), incidents, now)
        dispatcher = Dispatcher(self._config.alerts, self._tree, muting, now)
        found = dispatcher.dispatch(incidents, groups)
        told = tuple(
            (wanted, self._delivery(wanted, sight, now))
            for each in found.notifications
            if (wanted := self._wanted(each)) is not None
        )
        return _Step(change, found, told, groups)

    def _wanted(self, notification: Notification) -> Notification | None:
        """To a receiver that works, without what it does not want to hear; None for nothing."""
        name = self._working(notification)
        if name is None:
            return None
        if self._config.alerts.receiver(name).send_resolved:
            return replace(notification, receiver=name)
        still_open = tuple(i for i in notification.incidents if i.state.is_open)
        return replace(notification, receiver=name, incidents=still_open) if still_open else None

    def _delivery(self, notification: Notification, sight: Sight, now: datetime) -> Delivery:
        message = compose(notification, sight.lineage, self._webserver_url)
        return Delivery(notification.id, notification.receiver, message, now, now)

    def _working(self, notification: Notification) -> str | None:
        """The receiver, or another where it is the very one that fails; None where there is none
        but that."""
        failing = {
            incident.cause.subject
            for incident in notification.incidents
            if incident.cause.condition is Condition.RECEIVER_FAILING
        }
        if notification.receiver not in failing:
            return notification.receiver
        others = (r.name for r in self._config.alerts.receivers if r.name not in failing)
        return next(others, None)

    def _save(self, writer: StoreWriter, step: _Step, now: datetime) -> None:
        alerting = writer.alerting
        alerting.save_incidents(step.change.incidents)
        alerting.save_alerts(step.change.alerts)
        alerting.add_events((*step.change.events, *_told(step, now)))
        alerting.forget_groups(step.groups.keys() - step.dispatch.groups.keys())
        alerting.save_groups(
            group for key, group in step.dispatch.groups.items() if step.groups.get(key) != group
        )
        alerting.save_deliveries(step.deliveries)


def _told(step: _Step, now: datetime) -> Sequence[Event]:
    """That somebody is told, for the timelines."""
    return [
        Event(incident.id, now, EventKind.NOTIFIED, f"{delivery.receiver} is told")
        for notification, delivery in step.told
        for incident in notification.incidents
    ]
