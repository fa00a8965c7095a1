"""A Prefect made of recorded rows, and the adapter on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch.orchestrators.prefect.changes import PAGE_SIZE
from meta_orch_tests.orchestrators.prefect.server import PrefectInMemory
from meta_orch_tests.support.loopback import LoopbackServer


def adapter_for(
    server: LoopbackServer, *, page_size: int = PAGE_SIZE, **settings: Any
) -> PrefectOrchestrator:
    return PrefectOrchestrator(
        InstanceConfig.model_validate(
            {"name": "prefect_test", "type": "prefect", "url": server.url, **settings}
        ),
        page_size=page_size,
    )


@pytest.fixture
def rows() -> PrefectInMemory:
    """What the server holds. It starts as recorded."""
    return PrefectInMemory()


@pytest.fixture
def server(rows: PrefectInMemory) -> Iterator[LoopbackServer]:
    with LoopbackServer(rows.answer) as serving:
        yield serving


@pytest.fixture
def prefect(server: LoopbackServer) -> Iterator[PrefectOrchestrator]:
    """The adapter; it may start runs, and knows the server's clock."""
    with adapter_for(server, read_only=False) as adapter:
        adapter.read_server()
        yield adapter
