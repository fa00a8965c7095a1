"""Runs that start when others have run: which, with what, and no more than once."""

from meta_orch.dependencies.triggers.firing import Planned, plan_firings
from meta_orch.dependencies.triggers.news import News
from meta_orch.dependencies.triggers.watching import AssetWatch, evaluate_triggers

__all__ = ["AssetWatch", "News", "Planned", "evaluate_triggers", "plan_firings"]
