"""How far predictions would have been right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.predictions.durations import LEAST, Past
from meta_orch.analytics.predictions.replay import Alarms, replay

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def test_ranges_hold_as_often_as_they_say() -> None:
    random = np.random.default_rng(11)
    runs = [Past(MONDAY + n * 7 * HOUR, random.lognormal(3, 0.5) * MINUTE) for n in range(400)]
    found = replay(runs)
    assert found is not None
    assert found.runs == 400 - LEAST
    assert found.coverage == pytest.approx(0.8, abs=0.05)


def test_what_depends_on_the_hour_is_predicted_better_than_by_the_median() -> None:
    random = np.random.default_rng(13)
    runs = [
        Past(MONDAY + n * 6 * HOUR, (120 if n % 4 == 0 else 10) * MINUTE * random.uniform(0.9, 1.1))
        for n in range(120)
    ]
    found = replay(runs)
    assert found is not None
    assert found.error < 0.25 < found.naive_error


def test_how_wide_a_run_is_tells_of_a_miss_once_that_is_known() -> None:
    """A minute for each task run; half an hour is promised."""
    random = np.random.default_rng(23)
    widths = random.choice([5, 10, 20, 60], 200)

    def told(after: timedelta | None) -> Alarms:
        runs = [
            Past(MONDAY + n * 5 * HOUR, width * random.uniform(0.9, 1.1) * MINUTE, width, after)
            for n, width in enumerate(map(int, widths))
        ]
        found = replay(runs, deadline=lambda run: run.started_at + 30 * MINUTE)
        assert found is not None
        return found.warnings.alarms

    known, unknown = told(MINUTE), told(None)
    assert known.recall is not None
    assert known.recall > 0.9
    assert known.precision is not None
    assert known.precision > 0.9
    assert known.lead is not None
    assert unknown.lead is not None
    assert known.lead > 20 * MINUTE > unknown.lead


def test_a_miss_is_told_before_it_comes_and_what_is_well_is_left_alone() -> None:
    """Most take ten minutes, a few an hour; half an hour is promised. A run that is not over after
    what the quick ones take is a slow one."""
    random = np.random.default_rng(17)
    runs = [
        Past(
            MONDAY + n * 5 * HOUR,
            (60 if random.random() < 0.15 else 10) * MINUTE * random.uniform(0.9, 1.1),
        )
        for n in range(200)
    ]
    found = replay(runs, deadline=lambda run: run.started_at + 30 * MINUTE)
    assert found is not None
    assert found.warnings.alarms.recall is not None
    assert found.warnings.alarms.recall > 0.9
    assert found.warnings.alarms.precision is not None
    assert found.warnings.alarms.precision > 0.9
    assert found.warnings.alarms.lead is not None
    assert found.warnings.alarms.lead > 10 * MINUTE
    # The median says nothing before it is too late, the 95th hundredth cries at everything.
    assert found.warnings.by_median.recall == 0
    assert found.warnings.by_p95.precision is not None
    assert found.warnings.by_p95.precision < 0.5


def test_a_run_that_had_not_ended_when_another_began_does_not_predict_it() -> None:
    runs = [Past(MONDAY + n * MINUTE, 10 * HOUR) for n in range(30)]
    assert replay(runs) is None


lists = st.lists(
    st.builds(
        lambda hours, minutes: Past(MONDAY + hours * HOUR, minutes * MINUTE),
        st.integers(0, 400),
        st.floats(0, 300),
    ),
    max_size=30,
)


@given(lists, st.floats(1, 300))
def test_every_run_with_a_deadline_is_right_wrong_missed_or_quiet(
    runs: list[Past], minutes: float
) -> None:
    found = replay(runs, deadline=lambda run: run.started_at + minutes * MINUTE)
    if found is None:
        return
    for alarms in (found.warnings.alarms, found.warnings.by_median, found.warnings.by_p95):
        assert alarms.right + alarms.wrong + alarms.missed <= found.runs
        assert len(alarms.leads) == alarms.right
        assert all(lead >= timedelta() for lead in alarms.leads)
    # Whoever says it, as many were missed.
    misses = {
        a.right + a.missed
        for a in (found.warnings.alarms, found.warnings.by_median, found.warnings.by_p95)
    }
    assert len(misses) == 1
