"""A line of JSON for each message."""

from __future__ import annotations

import os

from pydantic import TypeAdapter

from meta_orch.alerts.delivery.base import DeliveryFailed
from meta_orch.config.receivers import FileConfig
from meta_orch.domain.notifications import Delivery, Message

_LINE: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


def send(config: FileConfig, delivery: Delivery, title: str, body: str) -> None:
    """Raises `DeliveryFailed`."""
    line = _LINE.dump_json(
        {
            "id": delivery.id,
            "title": title,
            "body": body,
            **_MESSAGE.dump_python(delivery.message),
        }
    )
    try:
        config.path.parent.mkdir(parents=True, exist_ok=True)
        with config.path.open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DeliveryFailed(f"{config.path} cannot be written: {error.strerror}") from error
