"""How long a run of a pipeline will take, by its own history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from meta_orch.analytics.predictions.forecast import LEVELS, Floats, quantiles_of

LEAST = 5
"""Runs, without which nothing is predicted."""
MOST = 60
"""Older ones say little of today's."""
_SHORTEST = 0.1
"""Seconds: what is shorter is taken for so long, as durations are compared by their ratio."""
_LEAST_OF_GROUP = 4
_LEAST_OF_WIDTHS = 10
_BETTER = 0.9
"""What matters makes the mean error so much smaller, at least."""


class Factor(StrEnum):
    """What the duration of a pipeline's runs depends on."""

    NOTHING = "nothing"
    HOUR = "hour"
    WEEKDAY = "weekday"
    WIDTH = "width"
    """How many task runs it has, as its mapped tasks have more or fewer."""


@dataclass(frozen=True, slots=True)
class Past:
    """A successful run."""

    started_at: datetime
    duration: timedelta
    width: int | None = None
    """How many task runs it had, where that is known."""
    width_after: timedelta | None = None
    """How long after its start that was known; None where it never was while it ran."""


class DurationModel:
    """What it predicts from: the ratio of each of the last runs to what the others led to expect
    of it. That is their median; or that of its hour, that of its weekday, or what its width stands
    for, where one of these makes the error a tenth smaller.

    Args:
        past: in any order; the last `MOST` count. Raises `ValueError` for fewer than `LEAST`.
        timezone: what an hour and a weekday are of.
    """

    def __init__(self, past: Iterable[Past], timezone: str = "UTC") -> None:
        self._past = sorted(past, key=lambda run: run.started_at)[-MOST:]
        if len(self._past) < LEAST:
            raise ValueError(f"{len(self._past)} runs predict nothing")
        self._zone = ZoneInfo(timezone)
        seconds = [max(_SHORTEST, run.duration.total_seconds()) for run in self._past]
        self._logs: Floats = np.log(seconds)
        expected = _median_of_others(self._logs)
        self.factor, self._residuals = Factor.NOTHING, self._logs - expected
        self._whatever = np.sort(self._residuals)
        least = _BETTER * float(np.mean(np.abs(self._residuals)))
        for factor, others in self._candidates(expected):
            residuals = self._logs - others
            error = float(np.mean(np.abs(residuals)))
            if error < least:
                self.factor, self._residuals, least = factor, residuals, error
        self._sorted = np.sort(self._residuals)

    def quantiles(
        self, started_at: datetime, elapsed: timedelta = timedelta(), width: int | None = None
    ) -> Floats:
        """Of the whole duration in seconds, at `LEVELS`, of a run that has not ended so long after
        its start. One that has outlived all that came before is taken to go on as long again and
        half of it with the likelihoods of a Pareto distribution (shape 2): a heuristic."""
        expected = self._expected(started_at, width)
        # Without the width it spreads as widely as all runs do.
        is_told = self.factor is not Factor.WIDTH or bool(width)
        seconds = np.exp(expected + (self._sorted if is_told else self._whatever))
        lived = elapsed.total_seconds()
        left = seconds[seconds > lived]
        if not len(left):
            return max(lived, _SHORTEST) / np.sqrt(1 - LEVELS)
        return quantiles_of(left)

    def _expected(self, started_at: datetime, width: int | None) -> float:
        if self.factor is Factor.WIDTH and width:
            slope, offset = self._line()
            return float(offset + slope * np.log(width))
        group = self._logs
        if self.factor in _GROUPS:
            group_of = _GROUPS[self.factor]
            own = group_of(started_at.astimezone(self._zone))
            chosen = [group_of(run.started_at.astimezone(self._zone)) == own for run in self._past]
            if sum(chosen) >= _LEAST_OF_GROUP:
                group = self._logs[np.array(chosen)]
        return float(np.median(group))

    def _candidates(self, otherwise: Floats) -> Iterable[tuple[Factor, Floats]]:
        """What each factor would have expected of each run by the others.

        Args:
            otherwise: what is expected of a run with too few others in its group.
        """
        for factor, group_of in _GROUPS.items():
            groups = np.array(
                [group_of(run.started_at.astimezone(self._zone)) for run in self._past]
            )
            expected = otherwise.copy()
            for group in np.unique(groups):
                members = groups == group
                if members.sum() > _LEAST_OF_GROUP:
                    expected[members] = _median_of_others(self._logs[members])
            yield factor, expected
        if self._has_widths():
            yield Factor.WIDTH, self._by_width_of_others()

    def _has_widths(self) -> bool:
        widths = {run.width for run in self._past}
        return len(self._past) >= _LEAST_OF_WIDTHS and all(widths) and len(widths) > 1

    def _widths(self) -> Floats:
        return np.log([run.width or 1 for run in self._past])

    def _line(self) -> tuple[float, float]:
        slope, offset = np.polyfit(self._widths(), self._logs, 1)
        return float(slope), float(offset)

    def _by_width_of_others(self) -> Floats:
        """The line through the others, by the leverage of each in the line through all."""
        widths = self._widths()
        slope, offset = self._line()
        residuals = self._logs - (offset + slope * widths)
        centred = widths - widths.mean()
        leverage = 1 / len(widths) + centred**2 / float(np.sum(centred**2))
        return self._logs - residuals / np.maximum(1 - leverage, 1e-9)


_GROUPS: dict[Factor, Callable[[datetime], int]] = {
    Factor.HOUR: lambda at: at.hour,
    Factor.WEEKDAY: datetime.weekday,
}


def _median_of_others(values: Floats) -> Floats:
    """For each value the median of all the others: without sorting them each time."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    ranks = np.arange(len(values))
    left = len(values) - 1

    def without_own(position: int) -> Floats:
        return ranked[np.where(position < ranks, position, position + 1)]

    medians = (without_own((left - 1) // 2) + without_own(left // 2)) / 2
    found = np.empty_like(values)
    found[order] = medians
    return found


def model_of(past: Sequence[Past], timezone: str = "UTC") -> DurationModel | None:
    """None where there are too few runs."""
    return DurationModel(past, timezone) if len(past) >= LEAST else None
