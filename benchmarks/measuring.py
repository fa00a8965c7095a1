"""CPU seconds, wall seconds and memory, and what several repetitions of them come to."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self, TypeVar

import psutil

_T = TypeVar("_T")

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took, in seconds. CPU seconds are user and system together, of every
    thread."""

    cpu: float
    wall: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.cpu - other.cpu, self.wall - other.wall)

    @classmethod
    def so_far(cls) -> Self:
        """What this process has taken, to be subtracted from a later one."""
        return cls(time.process_time(), time.perf_counter())


def measure(work: Callable[[], _T]) -> tuple[_T, Cost]:
    """What some work of this process gives, and what it takes."""
    before = Cost.so_far()
    result = work()
    return result, Cost.so_far() - before


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of a figure over repetitions; at least one."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Raises `ValueError` where there are none."""
        kept = tuple(values)
        if not kept:
            raise ValueError("a sample of nothing says nothing")
        return cls(kept)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        """`1.2` for one value, `1.2 (1.1 to 1.4)` for several: the median, the least and the most.
        Three digits each, for no more are steady."""
        least, most = min(self.values), max(self.values)
        middle = significant(self.median)
        if len(self.values) == 1:
            return middle
        return f"{middle} ({significant(least)} to {significant(most)})"


def significant(value: float) -> str:
    """A number with three digits, without an exponent: `0.0123`, `1.23`, `12.3`, `1230`."""
    if value == 0:
        return "0"
    if abs(value) >= 100:  # noqa: PLR2004  # three digits before the point
        return f"{value:.0f}"
    return f"{value:.3g}"


def ratio(figure: Sample, yardstick: Sample) -> str:
    """Of the medians: `1.8x`."""
    return f"{significant(figure.median / yardstick.median)}x"


def cpu_of(process_ids: Iterable[int | None]) -> float:
    """CPU seconds that these processes and all their living descendants have taken so far; those of
    descendants that have ended are counted where their parent waited for them."""
    total = 0.0
    for process in _with_descendants(process_ids):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_of(process_ids: Iterable[int | None]) -> float:
    """Resident megabytes of these processes and all their descendants; what they share counts once
    for each."""
    total = 0
    for process in _with_descendants(process_ids):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / MEGABYTE


def _with_descendants(process_ids: Iterable[int | None]) -> set[psutil.Process]:
    found: set[psutil.Process] = set()
    for process_id in filter(None, process_ids):
        try:
            process = psutil.Process(process_id)
            found |= {process, *process.children(recursive=True)}
        except psutil.NoSuchProcess:
            continue
    return found
