"""Whether there is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from meta_orch.analytics.resources.provisioning import Fit, Provision

WEEK = timedelta(days=7)
POOL = Provision(
    "pool",
    "airflow/db",
    capacity=10,
    peak_running=10,
    peak_wanted=16,
    running=5 * WEEK,
    queued=timedelta(hours=9),
    excess=timedelta(hours=5),
    saturated=timedelta(hours=2),
    length=WEEK,
)


@pytest.mark.parametrize(
    ("found", "fit", "advised"),
    [
        (POOL, Fit.UNDER, 16),
        (replace(POOL, saturated=timedelta(hours=1)), Fit.FITS, None),
        (replace(POOL, saturated=timedelta(), peak_wanted=4), Fit.OVER, 5),
        (replace(POOL, saturated=timedelta(), peak_wanted=4, length=WEEK / 2), Fit.FITS, None),
        (replace(POOL, capacity=None), Fit.UNLIMITED, None),
    ],
)
def test_it_fits_or_is_too_little_or_too_much(
    found: Provision, fit: Fit, advised: int | None
) -> None:
    assert (found.fit, found.advised) == (fit, advised)


def test_utilisation_is_the_share_of_the_capacity_over_the_time() -> None:
    assert POOL.utilisation == 0.5
    assert replace(POOL, capacity=None).utilisation is None
