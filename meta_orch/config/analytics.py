"""What the history is asked for, and when: `analytics`."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase

from pydantic import Field

from meta_orch.config.values import Cron, Duration, Glob, Section, TimeZone
from meta_orch.domain.pipelines import PipelineKey


class AnalyticsConfig(Section):
    """What the history is asked for, and when."""

    critical_path_runs: int = Field(default=30, ge=1)
    """How many of a pipeline's last successful runs its critical path is worked out of."""
    watched: tuple[Glob, ...] = ()
    """Globs: the pipelines with the checks `duration_is_normal` and `starts_on_schedule`."""
    risk_from: float = Field(default=0.5, gt=0, le=1)
    """From which probability of a miss on an SLA is at risk."""
    conflicts_since: Duration = timedelta(days=7)
    """How far back conflicts over resources are looked for, and plans are replayed."""
    conflicts_ahead: Duration = timedelta(days=7)
    """How far ahead conflicts are looked for, by the schedules."""
    stagger_by: Duration = timedelta(minutes=30)
    """How much later a plan may have a pipeline begin, at most."""
    solve_for: Duration = timedelta(seconds=10)
    """How long OR-Tools looks for a better plan, where the extra `staggering` is installed."""
    cron: Cron = "15 5 * * *"
    """When it is asked."""
    resources_cron: Cron = "5 * * * *"
    """When resources are measured, on the days that there is news of."""
    timezone: TimeZone = "UTC"
    """The time zone of both."""

    def watches(self, pipeline: PipelineKey) -> bool:
        """Whether `watched` names it."""
        return any(fnmatchcase(str(pipeline), glob) for glob in self.watched)
