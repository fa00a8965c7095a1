"""Choosing: greedily, then by moving one job after the other as long as that helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meta_orch.analytics.staggering.problem import Job, Levels, Problem, Score

_ROUNDS = 50


@dataclass(frozen=True)
class Choice:
    shifts: Mapping[str, int]
    """By job: how many slots later it begins; those that stay where they are, too."""
    score: Score
    method: str
    """What found it."""


def as_is(problem: Problem) -> Choice:
    return Choice(
        dict.fromkeys((job.id for job in problem.jobs), 0),
        problem.score(problem.levels({})),
        "as it is",
    )


def greedy(problem: Problem) -> Choice:
    """The job with the most work first, each where it is best by those before it."""
    shifts: dict[str, int] = {}
    levels = problem.levels({}) * 0
    for job in _by_work(problem):
        shifts[job.id], levels = _best(problem, job, levels)
    return Choice(shifts, problem.score(levels), "greedy")


def improve(problem: Problem, choice: Choice) -> Choice:
    """Take each job out and put it where it is best now, round by round until nothing changes.
    Never worse than before."""
    shifts = dict(choice.shifts)
    levels = problem.levels(shifts)
    for _ in range(_ROUNDS):
        before = dict(shifts)
        for job in _by_work(problem):
            if job.slack:
                without = levels - problem.shifted(job, shifts[job.id])
                shifts[job.id], levels = _best(problem, job, without, shifts[job.id])
        if shifts == before:
            break
    score = problem.score(problem.levels(shifts))
    if score >= choice.score:
        return choice
    return Choice(shifts, score, f"{choice.method} and local search")


def search(problem: Problem) -> Choice:
    """The best of what greedy and the present state come to by local search; at equal score what
    moves less."""
    candidates = [
        as_is(problem),
        improve(problem, as_is(problem)),
        improve(problem, greedy(problem)),
    ]
    return min(candidates, key=lambda choice: (choice.score, sum(choice.shifts.values())))


def _by_work(problem: Problem) -> list[Job]:
    return sorted(problem.jobs, key=lambda job: (-job.work, job.id))


def _best(
    problem: Problem, job: Job, others: Levels, current: int | None = None
) -> tuple[int, Levels]:
    """The shift, with what is wanted then. Where several are as good, where it is now, and else the
    least.

    Args:
        others: what is wanted by all the others.
    """
    found = [
        (problem.score(levels := others + problem.shifted(job, by)), by != current, by, levels)
        for by in range(job.slack + 1)
    ]
    _, _, by, levels = min(found, key=lambda each: each[:3])
    return by, levels
