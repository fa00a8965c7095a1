"""Instants that are not known yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.predictions.forecast import HIGH, LEVELS, LOW, Forecast, quantiles_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
seconds = st.lists(st.floats(0, 1e6), min_size=1, max_size=80)


@given(seconds)
def test_quantiles_rise_and_lie_within_what_was_seen(values: list[float]) -> None:
    found = quantiles_of(np.sort(values))
    assert np.all(np.diff(found) >= 0)
    assert min(values) <= found[0] <= found[-1] <= max(values)


@pytest.mark.parametrize("count", [9, 19, 49])
def test_a_range_holds_as_often_as_it_says_whatever_the_distribution(count: int) -> None:
    """Of `count` values and one more, all equally likely to be the one that comes last."""
    random = np.random.default_rng(7)
    held = 0
    rounds = 4000
    for _ in range(rounds):
        *before, coming = random.lognormal(size=count + 1)
        found = quantiles_of(np.sort(before))
        low, high = np.interp([LOW, HIGH], LEVELS, found)
        held += low <= coming <= high
    assert held / rounds == pytest.approx(HIGH - LOW, abs=0.02)


@given(seconds, seconds)
def test_the_latest_of_two_is_no_sooner_than_either(one: list[float], other: list[float]) -> None:
    forecasts = [
        Forecast.certain(NOON).after(quantiles_of(np.sort(values))) for values in (one, other)
    ]
    both = Forecast.latest(forecasts)
    for share in (0.1, 0.5, 0.9):
        assert both.at(share) >= max(each.at(share) for each in forecasts)


@given(seconds, st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_later_deadline_is_no_riskier(values: list[float], one: float, other: float) -> None:
    forecast = Forecast.certain(NOON).after(quantiles_of(np.sort(values)))
    soon, late = sorted([one, other])
    assert forecast.risk(NOON + timedelta(seconds=soon)) >= forecast.risk(
        NOON + timedelta(seconds=late)
    )


def test_what_is_certain_is_at_risk_or_not() -> None:
    known = Forecast.certain(NOON)
    assert known.expected == NOON
    assert (known.risk(NOON), known.risk(NOON - timedelta(seconds=1))) == (0, 1)
