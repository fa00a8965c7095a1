"""What a pipeline could promise, by its own history."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from meta_orch.analytics.durations import quantile
from meta_orch.analytics.slas.attainment import Attainment, attainment
from meta_orch.config.slas import SlaConfig
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.runs import Run
from meta_orch.domain.schedules import ScheduleKind
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.ticks import last_tick, rules

_QUANTILE = 0.98
_LEAST_TICKS = 2
_ROOM = 1.2
"""A promise that is kept by a hair is broken tomorrow: so many times the time that it takes."""
_STEP = timedelta(minutes=5)
_AT_A_TIME_OF_DAY = re.compile(r"(\d{1,2}) (\d{1,2}) (\*) (\*) (\S+)")
_NOT_IN_A_NAME = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    sla: SlaConfig
    attainment: Attainment
    """What it would have had."""


def suggest_sla(
    pipeline: Pipeline,
    runs: Iterable[Run],
    now: datetime,
    *,
    window: timedelta,
    target: float,
    least: int,
) -> Suggestion | None:
    """A deadline for what runs at a time of day, otherwise a duration: the time in which 98% of the
    runs were done, and a fifth more, in steps of five minutes (a heuristic). None where there are
    fewer successful runs than `least`, or where it would have broken its own promise."""
    runs = [run for run in runs if (run.ended_at or now) >= now - window]
    succeeded = [run for run in runs if run.state is RunState.SUCCEEDED and run.duration]
    if len(succeeded) < least:
        return None
    promise = _deadline(pipeline, succeeded) or {
        "duration_below": _limit([run.duration for run in succeeded if run.duration])
    }
    name = _NOT_IN_A_NAME.sub("_", f"{pipeline.key.instance}_{pipeline.key.name}")
    sla = SlaConfig.model_validate(
        {
            "name": f"{name}_{'by' if 'finish_by' in promise else 'within'}",
            "pipelines": str(pipeline.key),
            "target": target,
            "window": window,
            **promise,
        }
    )
    first = min(run.due_at for run in succeeded if run.due_at)
    kept = attainment(sla, runs, now, known_since=first)
    return Suggestion(sla, kept) if kept.share is not None and kept.share >= target else None


def _deadline(pipeline: Pipeline, runs: Sequence[Run]) -> dict[str, str] | None:
    """None where it has no schedule of one time of day, or is not done within the day of it."""
    found = [s for s in rules(pipeline.schedules) if s.kind is ScheduleKind.CRON]
    if len(found) != 1 or len(pipeline.schedules) != 1:
        return None
    match = _AT_A_TIME_OF_DAY.fullmatch(found[0].expression or "")
    if match is None:
        return None
    taken = [
        run.ended_at - tick
        for run in runs
        if run.trigger is RunTrigger.SCHEDULE
        and run.ended_at
        and run.due_at
        and (tick := last_tick(found, run.due_at))
    ]
    if len(taken) < _LEAST_TICKS:
        return None
    begins = int(match[2]) * 60 + int(match[1])
    minutes = begins + _limit(taken) // timedelta(minutes=1)
    minutes = math.ceil(minutes / 5) * 5
    hour, minute = divmod(minutes, 60)
    if hour >= 24:  # noqa: PLR2004  # of the day after, which the expression may not name
        return None
    return {"finish_by": f"{minute} {hour} * * {match[5]}", "timezone": found[0].timezone}


def _limit(taken: Sequence[timedelta]) -> timedelta:
    duration = quantile(taken, _QUANTILE)
    return max(_STEP, math.ceil(duration * _ROOM / _STEP) * _STEP)
