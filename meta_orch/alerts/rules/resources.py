"""Conditions of the resources that pipelines share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from meta_orch.config.resources import ResourceConfig, UseConfig
from meta_orch.domain.alerts import Alert, Condition
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.states import RunState
from meta_orch.store.alert_facts import PipelineFacts, RunBrief
from meta_orch.store.measuring import ComingConflict

_WAITS = frozenset({RunState.QUEUED})


def of_use(
    resources: Iterable[ResourceConfig],
    facts: Iterable[PipelineFacts],
    now: datetime,
    saturated_for: timedelta,
) -> Iterator[Alert]:
    """Resources whose capacity is in use while a run that needs them has waited for long, by the
    runs that are under way. What uses them by a pool is not seen."""
    under_way = [(each.pipeline, run) for each in facts for run in each.open_runs]
    for resource in resources:
        used, waiting = 0.0, list[tuple[datetime, PipelineKey]]()
        for key, run in under_way:
            units = _units(resource.uses, key)
            if not units:
                continue
            if _is_waiting(run):
                waiting.append((run.queued_at or now, key))
            else:
                used += units
        if not waiting or used < resource.capacity:
            continue
        since, first = min(waiting)
        if now - since >= saturated_for:
            yield Alert(
                Condition.RESOURCE_SATURATED,
                resource.name,
                since + saturated_for,
                f"{used:g} of {resource.capacity:g} in use, and {len(waiting)} wait, {first} "
                f"since {since:%H:%M} UTC",
                labels={"resource": resource.name},
            )


def _units(uses: Iterable[UseConfig], key: PipelineKey) -> float:
    named = (use for use in uses if use.pipelines and fnmatchcase(str(key), use.pipelines))
    return next((use.units for use in named), 0.0)


def _is_waiting(run: RunBrief) -> bool:
    return run.state in _WAITS or run.started_at is None


def of_conflicts(coming: Iterable[ComingConflict]) -> Iterator[Alert]:
    """The next one of each resource."""
    told = set()
    for conflict in sorted(coming, key=lambda each: each.since):
        if conflict.resource in told:
            continue
        told.add(conflict.resource)
        yield Alert(
            Condition.CONFLICT_AHEAD,
            conflict.resource,
            conflict.computed_at,
            f"{conflict.peak:g} of {conflict.capacity:g} wanted from {conflict.since:%a %H:%M} to "
            f"{conflict.until:%H:%M} UTC by {', '.join(conflict.pipelines[:3])}"
            f"{' and more' if len(conflict.pipelines) > 3 else ''}",  # noqa: PLR2004  # a few say enough
            labels={"resource": conflict.resource},
        )
