"""What the history is asked for, and when: `analytics`."""

from __future__ import annotations

from pydantic import Field

from meta_orch.config.values import Cron, Glob, Section, TimeZone


class AnalyticsConfig(Section):
    """What the history is asked for, and when."""

    critical_path_runs: int = Field(default=30, ge=1)
    """How many of a pipeline's last successful runs its critical path is worked out of."""
    watched: tuple[Glob, ...] = ()
    """Globs: the pipelines with the checks `duration_is_normal` and `starts_on_schedule`."""
    risk_from: float = Field(default=0.5, gt=0, le=1)
    """From which probability of a miss on an SLA is at risk."""
    cron: Cron = "15 5 * * *"
    """When it is asked."""
    resources_cron: Cron = "5 * * * *"
    """When resources are measured, on the days that there is news of."""
    timezone: TimeZone = "UTC"
    """The time zone of both."""
