"""Reports on their way to receivers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from meta_orch.alerts.messages import report_message
from meta_orch.domain.notifications import Delivery
from meta_orch.store import Store


def announce(
    store: Store, receivers: Iterable[str], title: str, lines: str, *, place: str, now: datetime
) -> int:
    """Have receivers told of a report. It is sent with the next messages; one that is made again
    is told of once.

    Args:
        lines: what is most important of it.
        place: where it is; told of where it is a URL.

    Returns:
        How many are told.
    """
    message = report_message(title, lines, place if "://" in place else None)
    deliveries = [
        Delivery(
            hashlib.sha256(f"{name}\n{title}\n{place}".encode()).hexdigest()[:32],
            name,
            message,
            now,
            now,
        )
        for name in receivers
    ]
    with store.write() as writer:
        known = writer.alerting.known_deliveries(delivery.id for delivery in deliveries)
        fresh = [delivery for delivery in deliveries if delivery.id not in known]
        writer.alerting.save_deliveries(fresh)
    return len(fresh)
