"""The same by OR-Tools' CP-SAT, from what the search found on: for whom the extra is installed."""

from __future__ import annotations

import math
from importlib.util import find_spec

from meta_orch.analytics.staggering.problem import Problem
from meta_orch.analytics.staggering.search import Choice

_HUNDREDTHS = 100
"""The solver counts in whole numbers: units are taken times this, rounded up."""


def is_installed() -> bool:
    return find_spec("ortools") is not None


def solve(problem: Problem, choice: Choice, seconds: float) -> tuple[Choice, float]:
    """A choice with a lower peak than this one, if the solver finds one in so long; otherwise the
    same; and a peak that no choice is below.

    Raises `ImportError` where OR-Tools is not installed.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    most = math.ceil(choice.score.peak * _HUNDREDTHS)
    peak = model.new_int_var(0, most, "peak")
    intervals, demands, shifts = [], [], {}
    for job in problem.jobs:
        shift = model.new_int_var(0, job.slack, f"shift {job.id}")
        model.add_hint(shift, choice.shifts.get(job.id, 0))
        shifts[job.id] = shift
        for start, slots, units in job.blocks:
            # What goes over the end goes on at the beginning: for the solver it is there twice.
            for begin in (start, start - problem.length):
                if begin + job.slack + slots > 0:
                    interval = model.new_fixed_size_interval_var(
                        begin + shift, slots, f"{job.id} {begin}"
                    )
                    intervals.append(interval)
                    demands.append(math.ceil(units * _HUNDREDTHS))
    model.add_cumulative(intervals, demands, peak)
    model.minimize(peak)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1  # with one seed: the same answer twice, but for the time
    solver.parameters.random_seed = 0
    status = solver.solve(model)
    bound = max(problem.bound, solver.best_objective_bound / _HUNDREDTHS)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return choice, bound
    found = {id_: solver.value(shift) for id_, shift in shifts.items()}
    score = problem.score(problem.levels(found))
    if score >= choice.score:
        return choice, bound
    return Choice(found, score, "CP-SAT"), bound
