"""What is known of Dagster assets that are no pipelines, and of the checks of any asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AssetFact:
    materialized_at: datetime | None = None
    failed_at: datetime | None = None
    """When a run that was to materialize it failed, where that is later."""
    checks: Mapping[str, bool] = field(default_factory=dict)
    """Whether checks passed when last evaluated, of those that somebody asks about."""
