"""How far predictions would have been right: history, told run by run as if it were to come. How
many task runs a run had is told from when its mapped tasks had been told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from meta_orch.analytics.predictions.durations import LEAST, DurationModel, Past
from meta_orch.analytics.predictions.forecast import HIGH, LEVELS, LOW, Forecast

_LOOKS = 10
"""How many times a run is looked at, from its start on, at equal distances."""
REFIT_EVERY = 5
"""Runs, after which what is predicted from is worked out again."""

Deadline = Callable[[Past], datetime | None]
"""By when a run was promised to end; None where it was not."""


Alarm = tuple[bool, timedelta | None]
"""Whether a deadline was missed, and how long before it that was said."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """What came of saying that runs were at risk of missing their deadlines."""

    right: int = 0
    wrong: int = 0
    """Said of runs that met theirs."""
    missed: int = 0
    """Runs that missed theirs, and nothing was said before."""
    leads: tuple[timedelta, ...] = ()
    """How long before the deadline it was said, where that was right."""

    def __add__(self, other: Alarms) -> Alarms:
        return Alarms(
            self.right + other.right,
            self.wrong + other.wrong,
            self.missed + other.missed,
            (*self.leads, *other.leads),
        )

    @property
    def precision(self) -> float | None:
        """The share of what was said that was right; None where nothing was said."""
        said = self.right + self.wrong
        return self.right / said if said else None

    @property
    def recall(self) -> float | None:
        """The share of misses that were told before; None where there were none."""
        misses = self.right + self.missed
        return self.right / misses if misses else None

    @property
    def lead(self) -> timedelta | None:
        """The median."""
        if not self.leads:
            return None
        return sorted(self.leads)[len(self.leads) // 2]


@dataclass(frozen=True, slots=True)
class Warnings:
    """What was said of deadlines before they came."""

    alarms: Alarms
    by_median: Alarms
    """What the median of the runs before would have said: at risk once a run that takes as long as
    that would miss its deadline, or has taken so long and is past it."""
    by_p95: Alarms
    """The same for what 95% of them took."""

    @classmethod
    def of(cls, *alarms: Sequence[Alarm]) -> Warnings:
        return cls(*map(_counted, alarms))

    def __add__(self, other: Warnings) -> Warnings:
        return Warnings(
            self.alarms + other.alarms,
            self.by_median + other.by_median,
            self.by_p95 + other.by_p95,
        )


@dataclass(frozen=True, slots=True)
class Quality:
    runs: int
    """That were predicted: all but the first few."""
    coverage: float
    """The share of runs that ended within the range stated when they began; 0.8 is what it says."""
    error: float
    """The mean of how far the expected duration was off, as a share of the true one."""
    naive_error: float
    """The same for the median of all the runs before."""
    warnings: Warnings


def replay(
    past: Iterable[Past],
    *,
    timezone: str = "UTC",
    deadline: Deadline = lambda _: None,
    risk_from: float = 0.5,
) -> Quality | None:
    """Predict each run from those that had ended when it began. None where there are too few.

    Args:
        past: successful runs, in any order.
        deadline: by when each was promised to end.
        risk_from: from which probability of a miss on a run is said to be at risk.
    """
    runs = sorted(past, key=lambda run: run.started_at)
    looks = list(_looks(runs, timezone))
    if not looks:
        return None
    held, errors, naive_errors = [], [], []
    alarms: tuple[list[Alarm], ...] = ([], [], [])
    for run, model, median, p95 in looks:
        total = model.quantiles(run.started_at)
        true = max(run.duration.total_seconds(), 1e-3)
        low, expected, high = np.interp([LOW, 0.5, HIGH], LEVELS, total)
        held.append(low <= true <= high)
        errors.append(abs(expected - true) / true)
        naive_errors.append(abs(median - true) / true)
        due = deadline(run)
        if due is None:
            continue
        alarms[0].append(
            _alarm(run, due, lambda e, r=run, m=model, d=due: _risk(m, r, e, d) >= risk_from)
        )
        for found, naive in zip(alarms[1:], (median, p95), strict=True):
            found.append(_alarm(run, due, lambda e, r=run, n=naive, d=due: _ends(r, n, e) > d))
    return Quality(
        len(looks),
        float(np.mean(held)),
        float(np.mean(errors)),
        float(np.mean(naive_errors)),
        Warnings.of(*alarms),
    )


def _looks(
    runs: Sequence[Past], timezone: str
) -> Iterator[tuple[Past, DurationModel, float, float]]:
    """Each run with what was known when it began: the model, and for comparison the median and the
    95th hundredth of all that had ended, in seconds."""
    model: DurationModel | None = None
    for number, run in enumerate(runs):
        known = [r for r in runs[:number] if r.started_at + r.duration <= run.started_at]
        if len(known) < LEAST:
            continue
        if model is None or number % REFIT_EVERY == 0:
            model = DurationModel(known, timezone)
        seconds = [r.duration.total_seconds() for r in known]
        median, p95 = np.quantile(seconds, [0.5, 0.95])
        yield run, model, float(median), float(p95)


def _alarm(run: Past, deadline: datetime, says: Callable[[timedelta], bool]) -> Alarm:
    """What was said while it ran and its deadline had not come.

    Args:
        says: whether it is at risk so long after its start.
    """
    last = min(run.duration, deadline - run.started_at)
    first: timedelta | None = None
    for look in range(_LOOKS):
        elapsed = last * look / _LOOKS
        if elapsed >= timedelta() and says(elapsed):
            first = deadline - (run.started_at + elapsed)
            break
    return run.started_at + run.duration > deadline, first


def _risk(model: DurationModel, run: Past, elapsed: timedelta, deadline: datetime) -> float:
    began = Forecast.certain(run.started_at)
    is_known = run.width_after is not None and run.width_after <= elapsed
    width = run.width if is_known else None
    return began.after(model.quantiles(run.started_at, elapsed, width)).risk(deadline)


def _ends(run: Past, seconds: float, elapsed: timedelta) -> datetime:
    return run.started_at + max(timedelta(seconds=seconds), elapsed)


def _counted(alarms: Sequence[Alarm]) -> Alarms:
    return Alarms(
        right=sum(missed and said is not None for missed, said in alarms),
        wrong=sum(not missed and said is not None for missed, said in alarms),
        missed=sum(missed and said is None for missed, said in alarms),
        leads=tuple(said for missed, said in alarms if missed and said is not None),
    )
