"""Sends what waits, until it is there."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meta_orch.alerts.delivery import by_apprise, files, pagerduty, webhook
from meta_orch.alerts.delivery.base import DeliveryFailed
from meta_orch.alerts.delivery.quiet import without_logs
from meta_orch.alerts.messages import TemplateUnusable, render
from meta_orch.config.alerts import AlertsConfig
from meta_orch.config.receivers import (
    AppriseConfig,
    FileConfig,
    PagerDutyConfig,
    ReceiverConfig,
)
from meta_orch.config.values import MissingSecret
from meta_orch.domain.notifications import Delivery, DeliveryState
from meta_orch.store import Store

_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(minutes=10)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outbox:
    """Args:
    clock: gives the time as aware UTC.
    """

    config: AlertsConfig
    store: Store
    clock: Callable[[], datetime]

    def send(self, deadline: datetime) -> tuple[Delivery, ...]:
        """Send what is due, to each receiver in order and no faster than it may be; receivers do
        not wait for each other. What fails is tried again later.

        Each is on record before and after, so that a kill in between has it sent once more.

        Args:
            deadline: nothing is begun later.

        Returns:
            What was tried.
        """
        now = self.clock()
        with self.store.read() as reader:
            pending = reader.alerting.deliveries_due()
            sent_lately = reader.alerting.delivered_since(now - _MINUTE)
        by_receiver: defaultdict[str, list[Delivery]] = defaultdict(list)
        for delivery in pending:
            by_receiver[delivery.receiver].append(delivery)
        due = {
            name: found for name, found in by_receiver.items() if found[0].next_attempt_at <= now
        }
        if not due:
            return ()
        with ThreadPoolExecutor(len(due), thread_name_prefix="alerts") as pool:
            futures = [
                pool.submit(self._send_all, found, sent_lately.get(name, 0), deadline)
                for name, found in due.items()
            ]
        return tuple(delivery for future in futures for delivery in future.result())

    def _send_all(
        self, pending: Sequence[Delivery], sent_lately: int, deadline: datetime
    ) -> list[Delivery]:
        """To one receiver."""
        tried: list[Delivery] = []
        receiver = self._receiver(pending[0].receiver)
        for delivery in pending:
            now = self.clock()
            if now >= deadline:
                break
            if receiver is None:
                after = _given_up(delivery, "meta_orch.yaml has no receiver of that name any more")
            elif sent_lately >= receiver.at_most_per_minute:
                break
            else:
                after = attempt(delivery, receiver, now)
            tried.append(after)
            with self.store.write() as writer:
                writer.alerting.save_deliveries([after])
            sent_lately += after.state is DeliveryState.DELIVERED
            if after.state is DeliveryState.PENDING:
                break  # what comes after it would come before it
        return tried

    def _receiver(self, name: str) -> ReceiverConfig | None:
        try:
            return self.config.receiver(name)
        except KeyError:
            return None


def attempt(delivery: Delivery, receiver: ReceiverConfig, now: datetime) -> Delivery:
    """Try once; what came of it."""
    try:
        deliver(delivery, receiver, now)
    except (DeliveryFailed, MissingSecret, TemplateUnusable) as error:
        tried = replace(delivery, attempts=delivery.attempts + 1, error=str(error))
        is_final = isinstance(error, DeliveryFailed) and error.is_final
        if is_final or now - delivery.created_at > receiver.give_up_after:
            return _given_up(tried, str(error))
        return replace(tried, next_attempt_at=now + _pause(tried.attempts))
    return replace(
        delivery,
        attempts=delivery.attempts + 1,
        state=DeliveryState.DELIVERED,
        delivered_at=now,
        error=None,
    )


def deliver(delivery: Delivery, receiver: ReceiverConfig, now: datetime) -> None:
    """Raises:
    DeliveryFailed: the receiver did not take it.
    MissingSecret: a variable that its configuration names is not set.
    TemplateUnusable: its own template is at fault.
    """
    title, body = render(delivery.message, receiver)
    with without_logs():
        match receiver:
            case AppriseConfig():
                by_apprise.send(receiver, delivery, title, body)
            case PagerDutyConfig():
                pagerduty.send(receiver, delivery, title, body)
            case FileConfig():
                files.send(receiver, delivery, title, body)
            case _:
                webhook.send(receiver, delivery, title, body, now)


def _given_up(delivery: Delivery, error: str) -> Delivery:
    return replace(delivery, state=DeliveryState.GIVEN_UP, error=error)


def _pause(attempts: int) -> timedelta:
    """Twice as long each time, with jitter, so that many do not come back together."""
    longest = min(_FIRST_PAUSE * 2 ** min(attempts - 1, 20), _LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1)  # noqa: S311  # no secret
