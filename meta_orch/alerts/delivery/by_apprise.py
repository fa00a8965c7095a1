"""Slack, Teams, e-mail and the rest, by Apprise."""

from __future__ import annotations

from meta_orch.alerts.delivery.base import DeliveryFailed
from meta_orch.config.receivers import AppriseConfig
from meta_orch.domain.alerts import Severity
from meta_orch.domain.notifications import Delivery, Status


def send(config: AppriseConfig, delivery: Delivery, title: str, body: str) -> None:
    """Raises `DeliveryFailed`."""
    import apprise

    message = delivery.message
    kind = apprise.NotifyType.FAILURE
    if message.status is Status.RESOLVED:
        kind = apprise.NotifyType.SUCCESS
    elif message.severity in {Severity.INFO, Severity.WARNING}:
        kind = (
            apprise.NotifyType.INFO
            if message.severity is Severity.INFO
            else apprise.NotifyType.WARNING
        )
    for reference in config.urls:
        sender = apprise.Apprise()
        if not sender.add(reference.read()):
            text = f"{reference} is no URL that Apprise knows; see its documentation"
            raise DeliveryFailed(text, is_final=True)
        if not sender.notify(body=body, title=title, notify_type=kind):
            raise DeliveryFailed(f"Apprise could not send to {reference}")
