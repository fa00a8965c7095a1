"""Bringing what orchestrators hold into the store."""

from meta_orch.sync.collect import Collection, collect
from meta_orch.sync.lineage import LineageCollection, collect_lineage
from meta_orch.sync.reconcile import NotComparable, Reconciliation, reconcile

__all__ = [
    "Collection",
    "LineageCollection",
    "NotComparable",
    "Reconciliation",
    "collect",
    "collect_lineage",
    "reconcile",
]
