"""Adapters by name, found through entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators.base import Orchestrator

GROUP = "meta_orch.orchestrators"


class UnknownOrchestrator(LookupError):
    """No installed package has an adapter of that name."""


def adapter_names() -> tuple[str, ...]:
    """The types that `meta_orch.yaml` may name, sorted; nothing is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def connect(config: InstanceConfig) -> Orchestrator:
    """The adapter for an instance. No request is made yet.

    Raises:
        UnknownOrchestrator: nothing installed answers to `config.type`.
        OrchestratorError: the configuration lacks what the adapter needs.
    """
    return _find(config.type).load()(config)


def _find(name: str) -> EntryPoint:
    for entry in entry_points(group=GROUP, name=name):
        return entry
    raise UnknownOrchestrator(
        f"no adapter for {name!r} is installed; there are: {', '.join(adapter_names())}"
    )
