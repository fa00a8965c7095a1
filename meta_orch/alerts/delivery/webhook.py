"""JSON by POST, signed as Standard Webhooks 1.0 has it (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

from pydantic import TypeAdapter

from meta_orch.alerts.delivery.base import post
from meta_orch.config.receivers import WebhookConfig
from meta_orch.config.values import EnvironmentReference
from meta_orch.domain.notifications import Delivery, Message

_PREFIX = "whsec_"
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


def send(config: WebhookConfig, delivery: Delivery, title: str, body: str, now: datetime) -> None:
    """Raises `DeliveryFailed`."""
    payload = _PAYLOAD.dump_json(
        {
            "type": f"incident.{delivery.message.status.value}",
            "timestamp": now,
            "data": {"title": title, "body": body, **_MESSAGE.dump_python(delivery.message)},
        }
    )
    headers = {"webhook-id": delivery.id}
    headers["webhook-timestamp"] = seconds = str(int(now.timestamp()))
    if config.secret is not None:
        headers["webhook-signature"] = sign(config.secret.read(), delivery.id, seconds, payload)
    url = config.url.read() if isinstance(config.url, EnvironmentReference) else config.url
    post(url, payload, headers)


_PAYLOAD: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])


def sign(secret: str, message_id: str, seconds: str, payload: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, time and body, in base64."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = secret.encode()
    if not secret.startswith(_PREFIX):
        key = secret.encode()
    signed = f"{message_id}.{seconds}.".encode() + payload
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
