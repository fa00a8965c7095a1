"""Which pipelines to pause before they run, and which to let go: the plan. `holder` carries it out.

A pipeline of another orchestrator runs by its own schedule, whatever a gate says. So it is paused
shortly before a run is due that it may not begin, and resumed when it may. A pipeline that somebody
else paused is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from meta_orch.dependencies.gates.decision import Decision, Disposition, summary
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.ticks import has_ticks

OWNER = "gate"
_HOLDS = UUID("3d0b0f4e-7a34-4b4c-8f0e-1f6f1c6a9c55")


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause a pipeline, unless somebody else has."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class Release:
    """Resume a pipeline that was paused by us, unless somebody else has."""

    hold: Hold
    into: HoldState
    because: str
    missed: datetime | None = None
    """The tick that passed meanwhile and is still to be run for."""


Stage = Pause | Release


def plan_holds(
    decisions: Mapping[AssetPath, Decision],
    pipelines: Mapping[AssetPath, Pipeline],
    last: Mapping[PipelineKey, Hold],
    now: datetime,
    *,
    lead: timedelta,
    is_dry_run: bool,
) -> tuple[Stage, ...]:
    """What is to be done now for the pipelines of one instance: what is let go first, and then what
    is due first.

    Args:
        decisions: of its gated pipelines.
        pipelines: its catalogue.
        last: its pipelines' last holds.
        lead: how long before a run is due its pipeline is paused.
        is_dry_run: whether holds that begin now only say what they would do.
    """
    open_holds = {hold.pipeline.path: hold for hold in last.values() if hold.state.is_open}
    stages: list[Stage] = []
    for path, hold in open_holds.items():
        decision = decisions.get(path)
        if hold.is_dry_run is not is_dry_run:
            mode = "recorded only" if is_dry_run else "done"
            because = f"what gates decide is now {mode}"
            stages.append(Release(hold, HoldState.RELEASED, because, _passed(hold, now)))
        elif release := _release(hold, decision, now):
            stages.append(release)
        elif hold.state is HoldState.PLANNED:
            stages.append(Pause(hold))
    for path, decision in decisions.items():
        pipeline = pipelines.get(path)
        if path in open_holds or pipeline is None:
            continue
        if _is_to_be_held(decision, pipeline, last.get(pipeline.key), now, lead):
            stages.append(Pause(_hold(pipeline.key, decision, now, is_dry_run=is_dry_run)))
    return tuple(sorted(stages, key=lambda stage: (isinstance(stage, Pause), stage.hold.due_at)))


def _release(hold: Hold, decision: Decision | None, now: datetime) -> Release | None:
    if decision is None:
        because = "no gate names it any more"
        return Release(hold, HoldState.RELEASED, because, _passed(hold, now))
    due_at = decision.occasion.due_at
    missed = due_at if hold.due_at <= due_at <= now else None
    if decision.may_run:
        return Release(hold, HoldState.RELEASED, summary(decision), missed)
    if decision.disposition is Disposition.SKIP and missed:
        return Release(hold, HoldState.SKIPPED, summary(decision))
    if now >= hold.expires_at:
        because = f"it was held for as long as may be, though {summary(decision)}"
        return Release(hold, HoldState.EXPIRED, because, missed)
    return None


def _passed(hold: Hold, now: datetime) -> datetime | None:
    return hold.due_at if hold.due_at <= now else None


def _is_to_be_held(
    decision: Decision, pipeline: Pipeline, last: Hold | None, now: datetime, lead: timedelta
) -> bool:
    if decision.may_run or pipeline.is_paused:
        return False
    if not any(schedule.is_active for schedule in pipeline.schedules):
        return False  # only people and triggers start it, which no pause keeps from that
    if has_ticks(pipeline.schedules):
        due_at = decision.occasion.due_at
        is_over = last is not None and last.state.is_final and last.due_at >= due_at
        return not is_over and due_at - lead <= now
    # Its orchestrator alone knows when it runs next: it is held while something is wrong.
    is_wrong = decision.disposition in {Disposition.HOLD, Disposition.SKIP}
    return is_wrong and not (
        last is not None and last.state.is_final and not _has_news(decision, last.begun_at)
    )


def _has_news(decision: Decision, since: datetime) -> bool:
    """Whether an upstream became what it is after an instant."""
    return any(found.since is None or found.since > since for found in decision.culprits)


def _hold(pipeline: PipelineKey, decision: Decision, now: datetime, *, is_dry_run: bool) -> Hold:
    due_at = decision.occasion.due_at
    return Hold(
        id=str(uuid5(_HOLDS, f"{pipeline}\n{due_at.isoformat()}\n{now.isoformat()}")),
        pipeline=pipeline,
        due_at=due_at,
        owner=OWNER,
        reason=summary(decision),
        begun_at=now,
        expires_at=max(due_at, now) + decision.hold_at_most,
        state=HoldState.PLANNED,
        is_dry_run=is_dry_run,
    )
