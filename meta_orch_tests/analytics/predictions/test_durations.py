"""How long runs will take, by their history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.predictions.durations import (
    LEAST,
    DurationModel,
    Factor,
    Past,
    _median_of_others,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


def median_minutes(
    model: DurationModel, at: datetime, elapsed: timedelta = timedelta(), width: int | None = None
) -> float:
    return float(np.median(model.quantiles(at, elapsed, width))) / 60


def test_what_takes_longer_at_some_hours_is_predicted_by_the_hour() -> None:
    runs = [
        Past(MONDAY + n * 6 * HOUR, (60 if n % 4 == 0 else 10) * MINUTE + n % 3 * MINUTE)
        for n in range(40)
    ]
    model = DurationModel(runs)
    assert model.factor is Factor.HOUR
    assert median_minutes(model, MONDAY + 20 * DAY) == pytest.approx(61, abs=1)
    assert median_minutes(model, MONDAY + 20 * DAY + 6 * HOUR) == pytest.approx(11, abs=1)


def test_an_hour_is_one_of_the_pipelines_time_zone() -> None:
    """Berlin's three o'clock in winter and in summer are different hours of UTC."""
    runs = [
        Past(at, (50 if at.hour == third else 5) * MINUTE + n % 3 * MINUTE)
        for n in range(30)
        for third in [2 if n < 15 else 1]
        for at in (
            datetime(2026, 3, 14, third, tzinfo=UTC) + n * DAY,
            datetime(2026, 3, 14, third + 6, tzinfo=UTC) + n * DAY,
        )
    ]
    model = DurationModel(runs, "Europe/Berlin")
    assert model.factor is Factor.HOUR
    summer = datetime(2026, 4, 20, 1, tzinfo=UTC)
    assert median_minutes(model, summer) == pytest.approx(51, abs=2)


def test_what_takes_longer_on_some_days_is_predicted_by_the_weekday() -> None:
    runs = [
        Past(MONDAY + n * DAY, (90 if n % 7 == 0 else 15) * MINUTE + n % 4 * MINUTE)
        for n in range(56)
    ]
    model = DurationModel(runs)
    assert model.factor is Factor.WEEKDAY
    assert median_minutes(model, MONDAY + 70 * DAY) == pytest.approx(91, abs=2)


def test_what_has_many_tasks_is_predicted_by_how_many() -> None:
    random = np.random.default_rng(3)
    widths = random.integers(1, 200, 40)
    runs = [
        Past(MONDAY + n * HOUR, float(width) * MINUTE * random.uniform(0.9, 1.1), int(width))
        for n, width in enumerate(widths)
    ]
    model = DurationModel(runs)
    assert model.factor is Factor.WIDTH
    assert median_minutes(model, MONDAY, width=100) == pytest.approx(100, rel=0.1)


def test_where_the_width_of_a_run_is_not_known_it_is_predicted_as_widely_as_all_spread() -> None:
    runs = [Past(MONDAY + n * HOUR, width * MINUTE, width) for n, width in enumerate(range(1, 41))]
    model = DurationModel(runs)
    assert model.factor is Factor.WIDTH
    unknown = np.log(model.quantiles(MONDAY))
    known = np.log(model.quantiles(MONDAY, width=20))
    assert known[-10] - known[9] < 0.2
    assert unknown[-10] - unknown[9] > 1


def test_what_depends_on_nothing_is_predicted_by_all() -> None:
    random = np.random.default_rng(5)
    runs = [Past(MONDAY + n * 5 * HOUR, random.lognormal(2, 0.3) * MINUTE, 3) for n in range(60)]
    assert DurationModel(runs).factor is Factor.NOTHING


def test_too_few_runs_predict_nothing() -> None:
    with pytest.raises(ValueError, match="4 runs"):
        DurationModel([Past(MONDAY + n * HOUR, MINUTE) for n in range(LEAST - 1)])


past = st.lists(
    st.builds(
        lambda hours, minutes: Past(MONDAY + hours * HOUR, minutes * MINUTE),
        st.integers(0, 2000),
        st.floats(0, 600),
    ),
    min_size=LEAST,
    max_size=80,
)


@given(past, st.floats(0, 900))
def test_a_run_that_goes_on_will_take_longer_than_it_has(runs: list[Past], minutes: float) -> None:
    elapsed = minutes * MINUTE
    found = DurationModel(runs).quantiles(MONDAY + 3000 * HOUR, elapsed)
    assert np.all(np.diff(found) >= 0)
    assert found[0] >= elapsed.total_seconds()


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=40))
def test_the_medians_of_all_others_are_what_leaving_each_out_gives(values: list[float]) -> None:
    array = np.array(values)
    expected = [np.median(np.delete(array, index)) for index in range(len(array))]
    assert _median_of_others(array) == pytest.approx(expected)
