"""What depends on what, across orchestrators."""

from meta_orch.dependencies.edges import known_edges
from meta_orch.dependencies.graph import Lineage, find_cycles, without_cycles

__all__ = ["Lineage", "find_cycles", "known_edges", "without_cycles"]
