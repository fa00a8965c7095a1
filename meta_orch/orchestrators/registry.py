"""Adapters by name, found through entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from meta_orch.config.adapters import GROUP, adapter_names
from meta_orch.config.models import InstanceConfig
from meta_orch.domain.errors import MetaOrchError
from meta_orch.orchestrators.base import Orchestrator

__all__ = ["GROUP", "UnknownOrchestrator", "adapter_names", "connect"]


class UnknownOrchestrator(MetaOrchError, LookupError):
    """No installed package has an adapter of that name."""


def connect(config: InstanceConfig) -> Orchestrator:
    """The adapter for an instance. No request is made yet.

    Raises:
        UnknownOrchestrator: nothing installed answers to `config.type`, or it cannot be imported.
        OrchestratorError: the configuration lacks what the adapter needs.
    """
    entry = _find(config.type)
    try:
        adapter = entry.load()
    except ImportError as error:
        raise UnknownOrchestrator(
            f"the adapter for {entry.name!r} ({entry.value}) cannot be imported: {error}"
        ) from error
    return adapter(config)


def _find(name: str) -> EntryPoint:
    for entry in entry_points(group=GROUP, name=name):
        return entry
    raise UnknownOrchestrator(
        f"no adapter for {name!r} is installed; there are: {', '.join(adapter_names())}"
    )
