"""An instant that is not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVELS: Floats = np.arange(1, 100) / 100
"""The quantiles that are kept: the first to the 99th hundredth."""
LOW, HIGH = 0.1, 0.9
"""Between them it lies four times of five."""


def quantiles_of(sorted_values: Floats) -> Floats:
    """Those of what comes next, by equally likely values that came before: the k-th of n lies at
    k/(n+1), so that a range holds as often as it says (conformal prediction, Vovk et al. 2005).
    Beyond the first and the last nothing is known: they are taken."""
    count = len(sorted_values)
    return np.interp(LEVELS, np.arange(1, count + 1) / (count + 1), sorted_values)


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Its quantiles at `LEVELS`, rising."""

    seconds: Floats
    """Since 1970."""

    @classmethod
    def certain(cls, at: datetime) -> Self:
        return cls(np.full(len(LEVELS), at.timestamp()))

    @classmethod
    def latest(cls, forecasts: Sequence[Forecast]) -> Forecast:
        """When all of these are over, taken to be late together: a range that is wide enough for
        what one cause delays. Raises `ValueError` where there are none."""
        if not forecasts:
            raise ValueError("nothing has no end")
        return Forecast(np.max([forecast.seconds for forecast in forecasts], axis=0))

    def after(self, durations: Floats) -> Forecast:
        """So much later, by the quantiles of a duration in seconds; long together, as above."""
        return Forecast(self.seconds + durations)

    def at(self, share: float) -> datetime:
        """What it is not later than, with a probability from 0 to 1."""
        return datetime.fromtimestamp(float(np.interp(share, LEVELS, self.seconds)), UTC)

    @property
    def expected(self) -> datetime:
        """The median."""
        return self.at(0.5)

    @property
    def spread(self) -> timedelta:
        """Of the range in which it lies four times of five."""
        return self.at(HIGH) - self.at(LOW)

    def risk(self, deadline: datetime) -> float:
        """The probability, from 0 to 1, that it is later than that."""
        return float(np.mean(self.seconds > deadline.timestamp()))
