"""Statistics of durations, which `statistics` has for numbers only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np

ZERO = timedelta()


def median(durations: Iterable[timedelta]) -> timedelta:
    """Raises `ValueError` where there are none."""
    return quantile(durations, 0.5)


def quantile(durations: Iterable[timedelta], share: float) -> timedelta:
    """What that share of them, from 0 to 1, is no longer than; between two by their distance.

    Raises `ValueError` where there are none.
    """
    seconds = [duration.total_seconds() for duration in durations]
    if not seconds:
        raise ValueError("nothing has no quantile")
    return timedelta(seconds=float(np.quantile(seconds, share)))
