"""Which orchestrator types an instance may have: the adapters that installed packages register."""

from __future__ import annotations

from importlib.metadata import entry_points

GROUP = "meta_orch.orchestrators"
"""The entry point group; see `meta_orch.orchestrators.registry` for the adapters themselves."""


def adapter_names() -> tuple[str, ...]:
    """The types that `meta_orch.yaml` may name, sorted; nothing is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))
