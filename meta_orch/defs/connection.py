"""From the configuration to an adapter, in a process of Dagster's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


class KeptConnection:
    """The adapter of one instance, kept from tick to tick: another one each time would log in, ask
    for the server's version and agree on TLS again, which is most of what a quiet tick does.

    After a failure it is closed, and the next tick has another one.
    """

    def __init__(self, config: InstanceConfig, connect: Connect) -> None:
        self._config = config
        self._connect = connect
        self._idle: list[Orchestrator] = []

    @contextmanager
    def adapter(self, dagster: DagsterInstance) -> Iterator[Orchestrator]:
        """The adapter, for this caller alone while the context lasts.

        Args:
            dagster: the instance that the caller runs in.

        Raises:
            OrchestratorError: the configuration lacks what the adapter needs.
        """
        if is_own_dagster(self._config):
            # It reads the caller's own instance, which goes with the caller.
            with self._connect(self._config, dagster) as orchestrator:
                yield orchestrator
            return
        try:
            orchestrator = self._idle.pop()
        except IndexError:
            orchestrator = self._connect(self._config, dagster)
        try:
            yield orchestrator
        except BaseException:
            orchestrator.close()
            raise
        self._idle.append(orchestrator)
