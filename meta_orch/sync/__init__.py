"""Bringing what orchestrators hold into the store."""

from meta_orch.sync.collect import Collection, collect
from meta_orch.sync.edges import find_cycles, known_edges, without_cycles

__all__ = ["Collection", "collect", "find_cycles", "known_edges", "without_cycles"]
