"""Cron expressions that tick later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.staggering.cron import later, most_later
from meta_orch.domain.ticks import cron, ticks
from meta_orch.domain.time import Window

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("expression", "minutes", "expected"),
    [
        ("0 6 * * *", 25, "25 6 * * *"),
        ("50 6 * * 1-5", 25, "15 7 * * 1-5"),
        ("50 6,18 * * *", 25, "15 7,19 * * *"),
        ("50 * * * *", 25, "15 * * * *"),
        ("10 * * * 1-5", 25, "35 * * * 1-5"),
        # What would be of the next day, or has no one minute.
        ("50 * * * 1-5", 25, None),
        ("50 23 * * *", 25, None),
        ("50 */2 * * *", 25, None),
        ("*/15 * * * *", 5, None),
    ],
)
def test_a_schedule_is_moved_where_an_expression_says_it(
    expression: str, minutes: int, expected: str | None
) -> None:
    assert later(expression, minutes) == expected


@pytest.mark.parametrize(
    ("expression", "most"), [("50 23 * * *", 9), ("0 6 * * *", 30), ("*/15 * * * *", 0)]
)
def test_it_is_moved_as_far_as_that_goes(expression: str, most: int) -> None:
    assert most_later(expression, 30) == most


@given(
    st.integers(0, 59),
    st.sampled_from(["*", "3", "6,18", "23", "8-12", "*/6"]),
    st.sampled_from(["*", "1-5", "0"]),
    st.integers(1, 90),
)
def test_every_tick_comes_as_much_later(minute: int, hour: str, weekday: str, by: int) -> None:
    expression = f"{minute} {hour} * * {weekday}"
    moved = later(expression, by)
    if moved is None:
        return
    week = Window(MONDAY, MONDAY + 14 * DAY)
    shift = timedelta(minutes=by)
    before = [at + shift for at in ticks([cron(expression)], week)]
    after = ticks([cron(moved)], Window(week.start + shift, week.end + shift))
    assert [*after] == before
