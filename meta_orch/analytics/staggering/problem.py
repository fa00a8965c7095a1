"""What may be moved, by how much, and how good a choice is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float64]
SLOT_MINUTES = 5


class Score(NamedTuple):
    """Of a choice; less is better."""

    excess: float
    """Units above the capacity, times slots."""
    peak: float
    """The most units at once."""
    roughness: float
    """The squares of the levels: between two of one peak the flatter one leaves more room."""


class Block(NamedTuple):
    """What a run takes for a time."""

    start: int
    """The slot that it begins in."""
    slots: int
    """How many it takes."""
    units: float


@dataclass(frozen=True)
class Job:
    """A pipeline that uses the resource."""

    id: str
    blocks: tuple[Block, ...]
    """Of all its ticks."""
    slack: int
    """By how many slots it may begin later; 0 where it must not be moved."""

    @property
    def work(self) -> float:
        """Units times slots."""
        return sum(block.units * block.slots for block in self.blocks)


@dataclass(frozen=True)
class Problem:
    """The jobs of one resource over a time, which is taken to come again: what goes over its end
    goes on at its beginning."""

    capacity: float
    length: int
    """In slots."""
    jobs: Sequence[Job]

    @cached_property
    def demands(self) -> Mapping[str, Levels]:
        """What each job wants in each slot where it is not moved."""
        return {job.id: self._demand(job) for job in self.jobs}

    def _demand(self, job: Job) -> Levels:
        levels = np.zeros(self.length)
        for start, slots, units in job.blocks:
            np.add.at(levels, (start + np.arange(slots)) % self.length, units)
        return levels

    def shifted(self, job: Job, shift: int) -> Levels:
        return np.roll(self.demands[job.id], shift)

    def levels(self, shifts: Mapping[str, int]) -> Levels:
        """What is wanted in each slot, with each job begun so many slots later."""
        wanted = np.zeros(self.length)
        for job in self.jobs:
            wanted += self.shifted(job, shifts.get(job.id, 0))
        return wanted

    def score(self, levels: Levels) -> Score:
        over = np.maximum(levels - self.capacity, 0)
        return Score(
            round(float(over.sum()), 6),
            round(float(levels.max(initial=0)), 6),
            round(float(np.square(levels).sum()), 6),
        )

    @cached_property
    def bound(self) -> float:
        """No choice has a lower peak than this. Of three the highest: the slots that a job is in
        however it is moved; the work that must lie within a span, spread evenly over it; the widest
        job."""
        if not self.jobs:
            return 0.0
        widest = (float(self.demands[job.id].max()) for job in self.jobs)
        return max(self._unmovable(), self._energy(), *widest)

    def _unmovable(self) -> float:
        fixed = np.zeros(self.length)
        for job in self.jobs:
            fixed += np.min([self.shifted(job, by) for by in range(job.slack + 1)], axis=0)
        return float(fixed.max())

    def _energy(self) -> float:
        """Of spans from the earliest start of a block to the latest end of another one."""
        runs = np.array(
            [
                (start, start + job.slack + slots, units * slots)
                for job in self.jobs
                for start, slots, units in job.blocks
                if start + job.slack + slots <= self.length
            ]
        ).reshape(-1, 3)
        best = 0.0
        for span in (6, 12, 24, 48, 96, 288):
            for begin in np.unique(runs[:, 0]):
                inside = (runs[:, 0] >= begin) & (runs[:, 1] <= begin + span)
                best = max(best, float(runs[inside, 2].sum()) / span)
        return best
