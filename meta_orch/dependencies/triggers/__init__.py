"""Runs that start when others have run: which, with what, and no more than once."""

from meta_orch.dependencies.triggers.firing import Planned, plan_firings
from meta_orch.dependencies.triggers.gating import ask_gates, is_asked_for
from meta_orch.dependencies.triggers.news import News
from meta_orch.dependencies.triggers.watching import AssetWatch, evaluate_triggers

__all__ = [
    "AssetWatch",
    "News",
    "Planned",
    "ask_gates",
    "evaluate_triggers",
    "is_asked_for",
    "plan_firings",
]
