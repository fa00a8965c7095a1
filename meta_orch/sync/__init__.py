"""Bringing what orchestrators hold into the store."""

from meta_orch.sync.collect import Collection, collect
from meta_orch.sync.reconcile import NotComparable, Reconciliation, reconcile

__all__ = [
    "Collection",
    "NotComparable",
    "Reconciliation",
    "collect",
    "reconcile",
]
