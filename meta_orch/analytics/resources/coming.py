"""What pipelines will want of resources: at each tick, for as long as their runs usually take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from meta_orch.analytics.durations import quantile
from meta_orch.analytics.predictions.histories import History
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.ticks import rules, ticks
from meta_orch.domain.time import Window
from meta_orch.store.measuring import Demand, PoolUse, SharedSpan

LATE = 0.9
"""The share of runs that are done by what is called the latest end of one."""


def usual_duration(history: History, share: float = 0.5) -> timedelta | None:
    """What that share of the last successful runs took at most; None where there were none."""
    durations = [run.ended_at - run.started_at for run in history.runs]
    return quantile(durations, share) if durations else None


def coming_spans(
    pipelines: Iterable[Pipeline],
    histories: Mapping[PipelineKey, History],
    demand: Demand,
    window: Window,
    of_pools: Iterable[PoolUse] = (),
) -> Iterator[SharedSpan]:
    """By pipeline; those that are paused, have no ticks that are known or never succeeded are left
    out.

    Args:
        of_pools: what runs usually take of resources through pools.
    """
    uses = {
        (use.instance, use.pipeline, use.resource): use.units for use in demand.uses if use.pipeline
    }
    by_pipeline: dict[PipelineKey, list[tuple[str, float]]] = {}
    for (instance, name, resource), units in uses.items():
        by_pipeline.setdefault(PipelineKey(instance, str(name)), []).append((resource, units))
    through_pools: defaultdict[PipelineKey, list[PoolUse]] = defaultdict(list)
    for use in of_pools:
        through_pools[use.pipeline].append(use)
    for pipeline in pipelines:
        if pipeline.is_paused:
            continue
        for tick in _ticks(pipeline, window) if pipeline.key in through_pools else ():
            for use in through_pools[pipeline.key]:
                begun = tick + use.after
                yield SharedSpan(
                    use.resource, pipeline.key, use.units, begun, begun, begun + use.duration
                )
        used = by_pipeline.get(pipeline.key)
        history = histories.get(pipeline.key)
        duration = usual_duration(history) if history else None
        if not used or duration is None:
            continue
        for tick in _ticks(pipeline, window):
            for resource, units in used:
                yield SharedSpan(resource, pipeline.key, units, tick, tick, tick + duration)


def _ticks(pipeline: Pipeline, window: Window) -> tuple[datetime, ...]:
    return ticks(rules(pipeline.schedules), window)
