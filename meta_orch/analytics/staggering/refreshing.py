"""Conflicts that were and that come, and plans against them, from what the store has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from meta_orch.analytics.predictions.histories import Histories
from meta_orch.analytics.resources.coming import coming_spans
from meta_orch.analytics.resources.conflicts import Conflict, find_conflicts
from meta_orch.analytics.resources.measuring import demand_of
from meta_orch.analytics.staggering.plan import Staggerer, StaggeringPlan
from meta_orch.config import MetaOrchConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.time import Window
from meta_orch.store import Store, StoreReader


@dataclass(frozen=True, slots=True)
class Contention:
    """Of the resources that a configuration declares."""

    past: tuple[Conflict, ...]
    """The ones that did most harm first."""
    coming: tuple[Conflict, ...]
    plans: tuple[StaggeringPlan, ...]
    """One for each resource, in the order of the configuration."""


def find_contention(
    reader: StoreReader,
    config: MetaOrchConfig,
    now: datetime,
    *,
    only: str | None = None,
    later_by: timedelta | None = None,
) -> Contention:
    """Args:
    only: of this resource; None for all.
    later_by: at most; what the configuration says where it is None.
    """
    settings = config.analytics
    demand = demand_of(reader, config)
    if not demand.uses:
        return Contention((), (), ())
    graph = GateMap(reader, config)
    of_pools = reader.measurements.usual_pool_uses(demand)
    using = {PipelineKey(use.instance, use.pipeline) for use in demand.uses if use.pipeline}
    using |= {use.pipeline for use in of_pools}
    pipelines = [p for p in graph.catalogue.values() if p.key in using]
    histories = Histories().of(reader, pipelines, now)
    recorded = reader.measurements.shared_spans(now - settings.conflicts_since, now, demand, now)
    ahead = Window(now, now + settings.conflicts_ahead)
    coming = [*coming_spans(pipelines, histories, demand, ahead, of_pools)]
    capacities = dict(demand.capacities)
    staggerer = Staggerer(graph, demand, histories, config.slas, recorded, of_pools)
    chosen = [name for name in capacities if only in {None, name}]
    return Contention(
        tuple(c for c in find_conflicts(recorded, capacities) if c.resource in chosen),
        tuple(c for c in find_conflicts(coming, capacities) if c.resource in chosen),
        tuple(
            staggerer.plan(
                name,
                now,
                later_by or settings.stagger_by,
                settings.solve_for.total_seconds(),
            )
            for name in chosen
        ),
    )


def refresh_contention(store: Store, config: MetaOrchConfig, now: datetime) -> Contention:
    """Find it, and keep it in the store."""
    with store.read() as reader:
        found = find_contention(reader, config, now)
    conflicts = [
        *(_conflict(each, is_coming=False) for each in found.past),
        *(_conflict(each, is_coming=True) for each in found.coming),
    ]
    with store.write() as writer:
        writer.results.replace("conflicts", conflicts, now)
        writer.results.replace("stagger_plans", map(plan_document, found.plans), now)
    return found


def _conflict(conflict: Conflict, *, is_coming: bool) -> dict[str, Any]:
    return {
        "resource": conflict.resource,
        "is_coming": is_coming,
        "since": conflict.since.isoformat(),
        "until": conflict.until.isoformat(),
        "capacity": conflict.capacity,
        "peak": conflict.peak,
        "harm_unit_seconds": conflict.harm.total_seconds(),
        "instances": conflict.instances,
        "pipelines": [str(key) for key in conflict.shares],
    }


def plan_document(plan: StaggeringPlan) -> dict[str, Any]:
    """The plan as data."""
    moves = [
        {
            "instance": move.pipeline.instance,
            "pipeline": move.pipeline.name,
            "minutes": move.minutes,
            "slack_minutes": move.slack_minutes,
            "cron": move.cron,
            "new_cron": move.new_cron,
            "timezone": move.timezone,
        }
        for move in plan.moves
    ]
    before, after = plan.history_before, plan.history_after
    return {
        "resource": plan.resource,
        "capacity": plan.capacity,
        "movable": plan.movable,
        "fixed": plan.fixed,
        "peak_before": plan.before.peak,
        "peak_after": plan.after.peak,
        "peak_bound": plan.bound,
        "method": plan.method,
        "history_peak_before": before.peak,
        "history_peak_after": after.peak,
        "history_queued_unit_seconds_before": before.queued.total_seconds(),
        "history_queued_unit_seconds_after": after.queued.total_seconds(),
        "history_missed_before": before.missed,
        "history_missed_after": after.missed,
        "moves": moves,
    }
