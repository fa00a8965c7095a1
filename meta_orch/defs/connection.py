"""From the configuration to an adapter, in a process of Dagster's."""

from __future__ import annotations

from typing import Protocol

from dagster import DagsterInstance

from meta_orch.config import InstanceConfig
from meta_orch.orchestrators import connect
from meta_orch.orchestrators.base import Orchestrator
from meta_orch.orchestrators.dagster import DagsterOrchestrator


class Connect(Protocol):
    def __call__(self, config: InstanceConfig, dagster: DagsterInstance, /) -> Orchestrator:
        """The adapter for an instance; no request is made yet.

        Args:
            dagster: the instance that the caller runs in.

        Raises:
            OrchestratorError: the configuration lacks what the adapter needs.
        """
        ...


def connect_from(config: InstanceConfig, dagster: DagsterInstance) -> Orchestrator:
    """The installed adapter for an instance; the Dagster instance that the caller runs in is read
    directly."""
    if is_own_dagster(config):
        return DagsterOrchestrator(config, instance=dagster)
    return connect(config)


def is_own_dagster(config: InstanceConfig) -> bool:
    """Whether it is the Dagster instance that meta_orch itself runs in: stored, and not shown a
    second time."""
    return config.type == DagsterOrchestrator.type and config.url is None
