"""Why a promise was missed, by what was unusual of the run that decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from meta_orch.analytics.durations import ZERO, median
from meta_orch.analytics.slas.attainment import Outcome, Verdict
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.domain.words import describe_duration


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Where the time of a run went, from when it was due to its end."""

    late: timedelta
    """From when it was due until it was queued, or where that is not known until it started."""
    queued: timedelta
    executed: timedelta

    @classmethod
    def of(cls, run: Run) -> RunTimes | None:
        """None for a run that has not ended, or never started."""
        if run.started_at is None or run.ended_at is None:
            return None
        started_at = run.started_at
        queued_at = min(run.queued_at or started_at, started_at)
        due_at = min(run.scheduled_at or run.due_at or queued_at, queued_at)
        return cls(queued_at - due_at, started_at - queued_at, run.ended_at - started_at)


def usual_times(runs: Iterable[Run]) -> RunTimes | None:
    """The median of each, of successful runs; None where there are none."""
    found = [
        times for run in runs if run.state is RunState.SUCCEEDED and (times := RunTimes.of(run))
    ]
    if not found:
        return None
    return RunTimes(
        median(times.late for times in found),
        median(times.queued for times in found),
        median(times.executed for times in found),
    )


def cause(outcome: Outcome, usual: RunTimes | None) -> str | None:
    """In words, why it was missed; None where it was not, or nothing tells.

    Of a run that came too late it is the part of its time that exceeds the usual most.
    """
    run = outcome.run
    if not outcome.verdict.is_miss:
        return None
    if run is None:
        return "nothing ran"
    if outcome.verdict is Verdict.FAILED:
        return run.message or f"its last run ended {run.native_state}"
    times = RunTimes.of(run)
    if times is None:
        return "it has not ended" if run.started_at else "it has not started"
    return _excess(times, usual) if usual else None


def _excess(times: RunTimes, usual: RunTimes) -> str:
    excess: Mapping[str, timedelta] = {
        "was begun": times.late - usual.late,
        "was queued": times.queued - usual.queued,
        "took": times.executed - usual.executed,
    }
    what = max(excess, key=lambda part: excess[part])
    if excess[what] <= ZERO:
        return "nothing was unusual: the promise is tighter than what it usually takes"
    more = describe_duration(excess[what])
    return f"it {what} {more} {'later' if what == 'was begun' else 'longer'} than usual"
