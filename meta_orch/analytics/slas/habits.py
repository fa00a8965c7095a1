"""What is usual of a pipeline, and whether a run keeps to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from meta_orch.analytics.durations import quantile
from meta_orch.store.tracing import PastRun

LEAST = 8
"""Runs, without which nothing is usual."""
_SCORE = 3.5
"""Beyond which a value is no more of its kind, in modified z-scores: by the median, and by the
median of the distances from it (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
Taken of the logarithms, as durations differ by factors."""
_TO_DEVIATIONS = 0.6745
_LEAST_SHARE = 0.25
_LEAST_DIFFERENCE = timedelta(seconds=10)
"""A heuristic: what differs by less is nobody's concern, however regular the runs were."""
_GRACE = timedelta(minutes=5)
"""The same of starts."""


@dataclass(frozen=True, slots=True)
class Habit:
    median: timedelta
    """Of the durations of its runs."""
    low: timedelta
    """What is shorter is not normal."""
    high: timedelta
    """What is longer is not normal."""
    start_within: timedelta
    """How long after it is due a run has usually begun, with some grace."""


def habit(past: Sequence[PastRun]) -> Habit | None:
    """None where there are too few runs."""
    if len(past) < LEAST:
        return None
    seconds = np.array([max(0.001, (r.ended_at - r.started_at).total_seconds()) for r in past])
    logs = np.log(seconds)
    middle = float(np.median(logs))
    reach = _SCORE * float(np.median(np.abs(logs - middle))) / _TO_DEVIATIONS
    median = timedelta(seconds=float(np.exp(middle)))
    least = max(_LEAST_DIFFERENCE, median * _LEAST_SHARE)
    lags = [run.started_at - run.due_at for run in past if run.due_at is not None]
    return Habit(
        median,
        max(timedelta(), min(timedelta(seconds=float(np.exp(middle - reach))), median - least)),
        max(timedelta(seconds=float(np.exp(middle + reach))), median + least),
        _GRACE + (2 * max(timedelta(), quantile(lags, 0.95)) if lags else timedelta()),
    )
