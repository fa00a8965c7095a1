"""An adapter as another package would bring it: found by its entry point, one fake an instance."""

from __future__ import annotations

from meta_orch.config import InstanceConfig
from meta_orch.orchestrators.base import Orchestrator
from meta_orch.testing.fake import FakeOrchestrator

SERVERS: dict[str, FakeOrchestrator] = {}


def open_fake(config: InstanceConfig) -> Orchestrator:
    return SERVERS[config.name]
