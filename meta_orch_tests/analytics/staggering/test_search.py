"""Choosing start minutes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.analytics.staggering.problem import Block, Job, Problem
from meta_orch.analytics.staggering.search import as_is, greedy, improve, search
from meta_orch.analytics.staggering.solver import solve


def job(id_: str, units: float, starts: tuple[int, ...], slots: int, slack: int) -> Job:
    """Of which each run takes the same."""
    return Job(id_, tuple(Block(start, slots, units) for start in starts), slack)


jobs = st.lists(
    st.builds(
        lambda starts, units, slots, slack: (starts, units, slots, slack),
        st.lists(st.integers(0, 19), min_size=1, max_size=2, unique=True),
        st.sampled_from([1.0, 2.0, 0.5]),
        st.integers(1, 5),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=5,
)
problems = st.builds(
    lambda found, capacity: Problem(
        capacity,
        24,
        [
            job(f"j{n}", units, tuple(starts), slots, slack)
            for n, (starts, units, slots, slack) in enumerate(found)
        ],
    ),
    jobs,
    st.integers(1, 4),
)


def best(problem: Problem) -> float:
    """The lowest peak of all choices."""
    return min(
        problem.levels(dict(zip([j.id for j in problem.jobs], shifts, strict=True))).max()
        for shifts in product(*(range(job.slack + 1) for job in problem.jobs))
    )


def four_at_once(slack: int = 6) -> Problem:
    """They may be put one behind the other."""
    return Problem(1, 100, [job(f"j{n}", 1, (10,), 2, slack) for n in range(4)])


def test_what_comes_at_once_is_put_one_behind_the_other() -> None:
    found = search(four_at_once())
    assert sorted(found.shifts.values()) == [0, 2, 4, 6]
    assert (found.score.peak, found.score.excess) == (1, 0)
    assert as_is(four_at_once()).score.peak == 4


def test_what_may_not_move_stays() -> None:
    assert search(four_at_once(slack=0)).shifts == dict.fromkeys(("j0", "j1", "j2", "j3"), 0)


def test_where_there_is_room_nothing_moves() -> None:
    apart = Problem(5, 100, [job("a", 1, (10,), 2, 6), job("b", 1, (20,), 2, 6)])
    assert not any(search(apart).shifts.values())


def test_every_tick_of_a_job_moves_together() -> None:
    problem = Problem(
        1, 48, [job("hourly", 1, (0, 12, 24, 36), 3, 11), job("fixed", 1, (24,), 6, 0)]
    )
    found = search(problem)
    assert found.score.peak == 1
    assert found.shifts["hourly"] >= 6


def test_what_goes_over_the_end_goes_on_at_the_beginning() -> None:
    problem = Problem(1, 10, [job("late", 1, (9,), 3, 0), job("early", 1, (0,), 1, 0)])
    assert problem.levels({}).tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]


@given(problems)
@settings(max_examples=150)
def test_a_search_is_never_worse_than_before_nor_better_than_the_bound(problem: Problem) -> None:
    before, first = as_is(problem), greedy(problem)
    found = search(problem)
    assert found.score <= before.score
    assert improve(problem, first).score <= first.score
    assert found.score == problem.score(problem.levels(found.shifts))
    for job in problem.jobs:
        assert 0 <= found.shifts[job.id] <= job.slack
    lowest = best(problem)
    assert problem.bound <= lowest + 1e-9
    assert found.score.peak >= lowest


@given(problems)
@settings(max_examples=25, deadline=None)
def test_the_solver_finds_the_lowest_peak_where_there_is_no_capacity_to_keep(
    problem: Problem,
) -> None:
    """With a capacity of nothing less excess is not less peak; so one that all fit into."""
    wide = Problem(1000, problem.length, problem.jobs)
    found, bound = solve(wide, as_is(wide), 5)
    assert found.score.peak == pytest.approx(best(wide))
    assert bound <= found.score.peak + 0.01


def test_of_a_company_the_plan_comes_near_the_bound() -> None:
    """Two hundred that all begin at midnight or at an hour, as people write schedules."""
    random = np.random.default_rng(5)
    company = Problem(
        40,
        288,
        [
            job(
                f"j{n}",
                float(random.integers(1, 4)),
                (int(random.choice([0, 0, 0, 12, 24])),),
                int(random.integers(1, 8)),
                12,
            )
            for n in range(200)
        ],
    )
    before, found = as_is(company), search(company)
    assert found.score.peak < 0.5 * before.score.peak
    assert found.score.peak < 1.5 * company.bound
