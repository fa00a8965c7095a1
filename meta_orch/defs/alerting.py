"""The sensor that finds what is wrong, keeps incidents, and has people told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from meta_orch.alerts.alerting import Alerter, Look
from meta_orch.alerts.delivery.outbox import Outbox
from meta_orch.alerts.investigating import Investigator
from meta_orch.alerts.watching import Watch
from meta_orch.config import MetaOrchConfig
from meta_orch.defs.connection import KeptConnection
from meta_orch.defs.incidents import IncidentPublisher
from meta_orch.dependencies.gates import KnownGates
from meta_orch.domain.notifications import Delivery, DeliveryState
from meta_orch.store import Store

SENSOR_NAME: Final = "meta_orch__alert"
_EVERY_SECONDS: Final = 30
_INVESTIGATING: Final = timedelta(seconds=10)
_SENDING: Final = timedelta(seconds=20)
"""Of the minute that Dagster gives a tick. What was begun by then may take ten seconds more."""


def build_alert_sensor(
    config: MetaOrchConfig,
    store: Store,
    known_gates: KnownGates,
    publisher: IncidentPublisher,
    *,
    connections: Mapping[str, KeptConnection],
    clock: Callable[[], datetime],
) -> SensorDefinition:
    """Args:
    connections: to read logs by, by instance.
    clock: gives the time as aware UTC.
    """
    url = publisher.webserver_url
    alerter = Alerter(config, store, Watch(config, known_gates), url, clock)
    outbox = Outbox(config.alerts, store, clock)

    def investigator(dagster: DagsterInstance) -> Investigator:
        return Investigator(store, lambda name: connections[name].adapter(dagster), clock)

    @sensor(
        name=SENSOR_NAME,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description=(
            "Finds what is wrong, makes of it one incident a cause, and has people told: `alerts` "
            "in meta_orch.yaml."
        ),
    )
    def alert(context: SensorEvaluationContext) -> SkipReason:
        look = alerter.look()
        # Its findings are in the first message, which waits for `group_wait`.
        investigator(context.instance).investigate(look.open, clock() + _INVESTIGATING)
        sent = outbox.send(clock() + _SENDING)
        publisher.publish(context.instance, clock())
        for delivery in sent:
            if delivery.state is not DeliveryState.DELIVERED:
                context.log.warning(
                    "%s did not take message %s: %s",
                    delivery.receiver,
                    delivery.id,
                    delivery.error,
                )
        return SkipReason(_words(look, sent))

    return alert


def _words(look: Look, sent: tuple[Delivery, ...]) -> str:
    delivered = sum(delivery.state is DeliveryState.DELIVERED for delivery in sent)
    failed = len(sent) - delivered
    refused = f", {failed} not taken" if failed else ""
    return (
        f"{len(look.open)} incidents are open, {len(look.changed)} changed; "
        f"{delivered} messages sent{refused}"
    )
