"""Events of PagerDuty's Events API v2: trigger and resolve, by a key that stays the same."""

from __future__ import annotations

from typing import Any

from meta_orch.alerts.delivery.base import post
from meta_orch.config.receivers import PagerDutyConfig
from meta_orch.domain.notifications import Delivery, Message, Status

_LONGEST_SUMMARY = 1024
"""PagerDuty's."""


def send(config: PagerDutyConfig, delivery: Delivery, title: str, body: str) -> None:
    """Raises `DeliveryFailed`."""
    post(config.url, event(delivery.message, title, body, config.routing_key.read()), {})


def event(message: Message, title: str, body: str, routing_key: str) -> dict[str, Any]:
    resolves = message.status is Status.RESOLVED
    found: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if resolves else "trigger",
        "dedup_key": message.dedup_key,
    }
    if resolves:
        return found
    first = message.incidents[0]
    links = [
        {"href": href, "text": text}
        for href, text in ((first.dagster_url, "Dagster"), (first.url, "Native page"))
        if href
    ]
    return found | {
        "payload": {
            "summary": title[:_LONGEST_SUMMARY],
            "source": message.labels.get("instance") or first.title,
            "severity": message.severity.value,
            "timestamp": first.since.isoformat(),
            "custom_details": {
                "message": body,
                "incidents": [told.incident for told in message.incidents],
            },
        },
        "links": links,
        "client": "meta_orch",
    }
