"""When a trigger fires, and what the run is given: pure, from what happened upstream.

With `all`, it fires once each upstream has done so since it fired last, and takes note of all that
happened; with `any`, once for each. Where runs are debounced, those that come close together count
as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from meta_orch.config.models import TriggerConfig
from meta_orch.config.templates import TemplateFailed, fill_in
from meta_orch.domain.edges import AssetPath, parse_path, path_text
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.triggers import Firing, FiringState, Occurrence

_FIRINGS = UUID("8c1f5f3a-0a60-4d6c-a2b2-9f2d8f4f7b10")
_VERBS = {"success": "succeeded", "failure": "failed", "late": "is late"}


@dataclass(frozen=True, slots=True)
class Planned:
    """A firing, and what it takes note of."""

    firing: Firing
    occurrences: tuple[Occurrence, ...]


def plan_firings(
    trigger: TriggerConfig,
    happened: Mapping[AssetPath, Sequence[Occurrence]],
    now: datetime,
    *,
    is_dry_run: bool,
) -> tuple[Planned, ...]:
    """The firings that are due.

    Args:
        happened: what the trigger has taken no note of, by upstream and each by time.
    """
    return tuple(
        _plan(trigger, occurrences, now, is_dry_run=is_dry_run)
        for occurrences in _groups(trigger, happened, now)
    )


def _groups(
    trigger: TriggerConfig, happened: Mapping[AssetPath, Sequence[Occurrence]], now: datetime
) -> Iterator[tuple[Occurrence, ...]]:
    """What belongs to one firing each, by time."""
    found = sorted(
        (occurrence for each in happened.values() for occurrence in each),
        key=lambda occurrence: (occurrence.at, occurrence.upstream, occurrence.id),
    )
    if not found:
        return
    if trigger.debounce is not None and now < found[-1].at + trigger.debounce:
        return  # something more may come
    if trigger.when.all:
        if all(happened.get(parse_path(upstream)) for upstream in trigger.when.all):
            yield tuple(found)
    elif trigger.debounce is not None:
        yield tuple(found)
    else:
        for occurrence in found:
            yield (occurrence,)


def _plan(
    trigger: TriggerConfig, occurrences: tuple[Occurrence, ...], now: datetime, *, is_dry_run: bool
) -> Planned:
    happened = sorted(f"{path_text(o.upstream)}\n{o.id}" for o in occurrences)
    latest = {path_text(occurrence.upstream): occurrence for occurrence in occurrences}
    state, message, parameters = FiringState.PLANNED, None, {}
    try:
        parameters = fill_in(trigger.parameters, _names(trigger, occurrences, latest, now))
    except TemplateFailed as error:
        state, message = FiringState.REFUSED, f"parameters: {error}"
    if is_dry_run and state is FiringState.PLANNED:
        state = FiringState.DRY_RUN
    firing = Firing(
        id=str(uuid5(_FIRINGS, "\n".join((trigger.name, *happened)))),
        trigger=trigger.name,
        target=PipelineKey.parse(trigger.run),
        fired_at=now,
        state=state,
        parameters=parameters,
        reason=f"{', '.join(latest)} {_VERBS[trigger.state]}",
        ended_at=None if state.is_open else now,
        message=message,
    )
    return Planned(firing, occurrences)


def _names(
    trigger: TriggerConfig,
    occurrences: Sequence[Occurrence],
    latest: Mapping[str, Occurrence],
    now: datetime,
) -> Mapping[str, Any]:
    return {
        "upstream": _told(occurrences[-1]),
        "upstreams": {name: _told(occurrence) for name, occurrence in latest.items()},
        "trigger": {"name": trigger.name, "fired_at": now},
    }


def _told(occurrence: Occurrence) -> Mapping[str, Any]:
    """What `upstream` has in an expression."""
    told: dict[str, Any] = {
        "name": path_text(occurrence.upstream),
        "id": occurrence.id,
        "at": occurrence.at,
    }
    run = occurrence.run
    if run is not None:
        window = run.logical_window
        told |= {
            "run_id": run.key.run_id,
            "state": run.state.value,
            "parameters": dict(run.parameters),
            "due_at": run.due_at,
            "logical_start": window.start if window else None,
            "logical_end": window.end if window else None,
            "scheduled_at": run.scheduled_at,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "url": run.url,
        }
    return told
