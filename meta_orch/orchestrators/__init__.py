"""Orchestrators: one port (`base`), an adapter for each kind, found by its entry point."""

from meta_orch.orchestrators.registry import UnknownOrchestrator, adapter_names, connect

__all__ = ["UnknownOrchestrator", "adapter_names", "connect"]
