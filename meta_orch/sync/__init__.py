"""Bringing what orchestrators hold into the store."""

from meta_orch.sync.collect import Collection, collect
from meta_orch.sync.edges import find_cycles, known_edges, without_cycles
from meta_orch.sync.reconcile import NotComparable, Reconciliation, reconcile

__all__ = [
    "Collection",
    "NotComparable",
    "Reconciliation",
    "collect",
    "find_cycles",
    "known_edges",
    "reconcile",
    "without_cycles",
]
