"""The adapter with no connection in between, for tests that send very many requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Literal

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators.answers import error_for_status
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch.orchestrators.prefect.changes import PAGE_SIZE
from meta_orch.orchestrators.prefect.client import PrefectApi
from meta_orch.orchestrators.prefect.parse import Row
from meta_orch_tests.support.loopback import Reply, Request

Answer = Callable[[Request], Reply]


def adapter_in_memory(
    answer: Answer, *, page_size: int = PAGE_SIZE, instance: str = "prefect_test"
) -> PrefectOrchestrator:
    """Over one connection, so that requests come in one order."""
    config = InstanceConfig.model_validate(
        {"name": instance, "type": "prefect", "url": "http://in-memory/api", "connections": 1}
    )
    adapter = PrefectOrchestrator(config, page_size=page_size)
    adapter._connection = _InMemoryApi(instance, answer)
    return adapter


class _InMemoryApi(PrefectApi):
    def __init__(self, instance: str, answer: Answer) -> None:
        self.instance = instance
        self._answer = answer
        self._told_at: datetime | None = None

    @property
    def asked_at(self) -> datetime:
        return self.server_now()

    def server_now(self) -> datetime:
        if self._told_at is None:
            self.get("/health")
        assert self._told_at is not None
        return self._told_at

    def close(self) -> None:
        """There is nothing to close."""

    def _ask(
        self, method: Literal["GET", "POST"], path: str, body: Row | None, *, acts: bool = False
    ) -> Any:
        reply = self._answer(Request(method, f"/api{path}", (), {}, body))
        self._told_at = parsedate_to_datetime(reply.headers["Date"]).astimezone(UTC)
        if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
            request = f"{method} {path}"
            raise error_for_status(self.instance, request, reply.status, reply.content)
        return json.loads(reply.content)
