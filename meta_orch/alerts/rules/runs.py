"""Conditions of pipelines that follow from their runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from meta_orch.analytics.slas.habits import Habit
from meta_orch.domain.alerts import Alert, Condition
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.secrets import mask_text
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import last_tick, rules
from meta_orch.domain.words import describe_duration
from meta_orch.store.alert_facts import PipelineFacts, RunBrief

_GRACE = timedelta(minutes=15)
"""How long after it is due a run may begin where no habit is known. This and what follows are
heuristics."""
_FAR = 2
"""A run is stuck that takes so many times as long as is still normal."""
_FOREVER = timedelta(days=1)
"""Or for so long, where nothing is known to be normal."""
_QUEUED = timedelta(hours=1)
"""How long a run may be queued."""
_LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class Watched:
    """A pipeline, with what is known of it."""

    pipeline: Pipeline
    facts: PipelineFacts
    habit: Habit | None
    known_since: datetime
    """Ticks before that are not asked for."""
    is_held: bool = False
    """Whether we keep it from running."""
    judges_past: bool = False
    """Whether a run that has ended may have been abnormal, too."""


def of_runs(watched: Watched, as_of: datetime, *, failing_from: int) -> Iterator[Alert]:
    """What is wrong with a pipeline.

    Args:
        as_of: when its orchestrator was last read.
        failing_from: how many failures in a row are repeated ones.
    """
    yield from _failures(watched.facts, failing_from)
    if not (watched.pipeline.is_paused or watched.is_held):
        yield from _starts(watched, as_of)
    yield from _durations(watched, as_of)


def _alert(
    facts: PipelineFacts,
    condition: Condition,
    since: datetime,
    summary: str,
    *,
    run: RunBrief | None = None,
    url: str | None = None,
) -> Alert:
    return Alert(
        condition,
        str(facts.pipeline),
        since,
        summary,
        pipeline=facts.pipeline,
        instance=facts.pipeline.instance,
        run_id=run.run_id if run else None,
        url=url,
    )


def _failures(facts: PipelineFacts, failing_from: int) -> Iterator[Alert]:
    last = facts.last
    if not facts.failures or last is None or facts.failing_since is None:
        return
    if facts.failures == 1 and any(run.parent_run_id == last.run_id for run in facts.open_runs):
        return  # it is being tried again
    after = ""
    if last.started_at and last.ended_at:
        after = f" after {describe_duration(last.ended_at - last.started_at)}"
    said = _shorten(facts.message)
    summary = f"{last.state.value.replace('_', ' ')}{after}{f': {said}' if said else ''}"
    yield _alert(facts, Condition.FAILED, facts.failing_since, summary, run=last, url=facts.url)
    if facts.failures >= failing_from:
        summary = f"{facts.failures} failures in a row"
        since = facts.failing_since
        yield _alert(facts, Condition.FAILING_REPEATEDLY, since, summary, run=last, url=facts.url)


def _shorten(message: str | None) -> str:
    """The last line that says anything, without secrets."""
    lines = [line.strip() for line in (message or "").splitlines() if line.strip()]
    text = mask_text(lines[-1]) if lines else ""
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def _starts(watched: Watched, as_of: datetime) -> Iterator[Alert]:
    facts, habit = watched.facts, watched.habit
    within = habit.start_within if habit else _GRACE
    tick = last_tick(rules(watched.pipeline.schedules), as_of - within)
    if tick is None or tick < watched.known_since:
        return
    if facts.last_due is not None and facts.last_due >= tick:
        return
    due = f"due at {tick:%Y-%m-%d %H:%M} UTC"
    waiting = [run for run in facts.open_runs if run.due_at and run.due_at >= tick]
    since = tick + within
    if waiting:
        yield _alert(facts, Condition.LATE, since, f"{due}, not started yet", run=waiting[0])
    else:
        yield _alert(facts, Condition.MISSING, since, f"{due}, and no run has come into being")


def _durations(watched: Watched, as_of: datetime) -> Iterator[Alert]:
    facts, habit = watched.facts, watched.habit
    usual = f"; usually {describe_duration(habit.median)}" if habit else ""
    for run in facts.open_runs:
        if run.started_at is None or run.state is RunState.QUEUED:
            queued_at = run.queued_at
            if queued_at is not None and as_of - queued_at > _QUEUED:
                said = f"queued since {queued_at:%Y-%m-%d %H:%M} UTC"
                yield _alert(facts, Condition.STUCK, queued_at + _QUEUED, said, run=run)
                return
            continue
        normal = habit.high if habit else _FOREVER / _FAR
        took = as_of - run.started_at
        said = f"running since {run.started_at:%Y-%m-%d %H:%M} UTC{usual}"
        if took > _FAR * normal:
            yield _alert(facts, Condition.STUCK, run.started_at + _FAR * normal, said, run=run)
            return
        if habit and took > normal:
            since = run.started_at + normal
            yield _alert(facts, Condition.DURATION_ABNORMAL, since, said, run=run)
            return
    last = facts.last
    if not (watched.judges_past and habit and last and last.state is RunState.SUCCEEDED):
        return
    if last.started_at and last.ended_at:
        took = last.ended_at - last.started_at
        if not habit.low <= took <= habit.high:
            said = f"took {describe_duration(took)}{usual}"
            yield _alert(facts, Condition.DURATION_ABNORMAL, last.ended_at, said, run=last)
