"""What a report rests on, worked out anew before it is made."""

from __future__ import annotations

from datetime import datetime

from meta_orch.analytics.critical_paths.refreshing import refresh_critical_paths
from meta_orch.analytics.resources.measuring import days_to_measure, measure_days
from meta_orch.analytics.slas.refreshing import refresh_promises
from meta_orch.config import MetaOrchConfig
from meta_orch.store import Store


def refresh_all(store: Store, config: MetaOrchConfig, now: datetime) -> None:
    """Measure the days that there is news of, how promises are kept, and the critical paths of what
    has new runs."""
    measure_days(store, config, days_to_measure(store, config, now), now)
    refresh_promises(store, config, now)
    refresh_critical_paths(store, now, runs=config.analytics.critical_path_runs)
