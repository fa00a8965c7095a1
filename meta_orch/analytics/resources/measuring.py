"""Measuring resources: each day that there is news of, by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from fnmatch import fnmatchcase

from meta_orch.config import MetaOrchConfig
from meta_orch.config.resources import ResourceConfig
from meta_orch.domain.pipelines import PipelineKey, Pool
from meta_orch.store import Store, StoreReader
from meta_orch.store.measuring import Demand, Use


def demand_of(reader: StoreReader, config: MetaOrchConfig) -> Demand:
    """What the configuration's resources are, with the pipelines and pools that its globs name."""
    if not config.resources:
        return Demand()
    pipelines = [pipeline.key for pipeline in reader.pipelines()]
    pools = reader.pools()
    return Demand(
        tuple((resource.name, resource.capacity) for resource in config.resources),
        tuple(use for resource in config.resources for use in _uses(resource, pipelines, pools)),
    )


def _uses(
    resource: ResourceConfig, pipelines: Iterable[PipelineKey], pools: Iterable[Pool]
) -> Iterator[Use]:
    for key in pipelines:
        for use in resource.uses:
            if use.pipelines and fnmatchcase(str(key), use.pipelines):
                yield Use(resource.name, key.instance, key.name, None, use.units)
                break
    for pool in pools:
        for use in resource.uses:
            if use.pool and fnmatchcase(f"{pool.instance}/{pool.name}", use.pool):
                yield Use(resource.name, pool.instance, None, pool.name, use.units)
                break


def days_to_measure(store: Store, config: MetaOrchConfig, now: datetime) -> tuple[date, ...]:
    """Days (UTC) that there is news of since they were measured, the last first."""
    with store.read() as reader:
        return reader.measurements.due(demand_of(reader, config), now)


def measure_days(store: Store, config: MetaOrchConfig, days: Iterable[date], now: datetime) -> int:
    """Measure days anew, each in a transaction of its own.

    Returns:
        How many spans of runs and attempts were looked at.
    """
    with store.read() as reader:
        demand = demand_of(reader, config)
    looked_at = 0
    for day in days:
        with store.write() as writer:
            looked_at += writer.measurements.measure(day, demand, now)
    return looked_at
