"""Where more of a resource is wanted than there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.resources.conflicts import find_conflicts
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.store.measuring import SharedSpan

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def span(name: str, since: int, until: int, units: float = 1, resource: str = "dwh") -> SharedSpan:
    """In minutes after midnight; it is queued for the first of them."""
    queued = MIDNIGHT + since * MINUTE
    started = min(queued + MINUTE, MIDNIGHT + until * MINUTE)
    return SharedSpan(
        resource,
        PipelineKey.parse(name),
        units,
        queued,
        started,
        MIDNIGHT + until * MINUTE,
    )


def test_it_says_when_between_whom_and_how_much_harm_it_does() -> None:
    (found,) = find_conflicts(
        [span("airflow/a", 0, 60, 2), span("prefect/b", 30, 90, 2), span("dagster/c", 200, 300)],
        {"dwh": 3},
    )
    assert (found.since, found.until) == (MIDNIGHT + 30 * MINUTE, MIDNIGHT + 60 * MINUTE)
    assert (found.peak, found.harm) == (4, 30 * MINUTE)
    assert found.instances == ("airflow", "prefect")
    assert found.shares == {
        PipelineKey("airflow", "a"): 60 * MINUTE,
        PipelineKey("prefect", "b"): 60 * MINUTE,
    }


def test_what_ends_as_another_begins_is_none() -> None:
    spans = [span("airflow/a", 0, 60), span("prefect/b", 60, 90)]
    assert find_conflicts(spans, {"dwh": 1}) == ()


def test_what_begins_again_soon_is_the_same_one() -> None:
    spans = [span("a/long", 0, 100), span("b/x", 10, 20), span("b/y", 24, 30), span("b/z", 40, 50)]
    found = find_conflicts(spans, {"dwh": 1})
    assert [(c.since - MIDNIGHT, c.until - MIDNIGHT) for c in found] == [
        (10 * MINUTE, 30 * MINUTE),
        (40 * MINUTE, 50 * MINUTE),
    ]
    assert found[0].harm == 16 * MINUTE


spans = st.lists(
    st.builds(
        lambda name, since, length, units, resource: span(
            name, since, since + length, units, resource
        ),
        st.sampled_from(["a/x", "a/y", "b/z"]),
        st.integers(0, 100),
        st.integers(0, 40),
        st.integers(1, 3),
        st.sampled_from(["dwh", "lake"]),
    ),
    max_size=12,
)


@given(spans, st.integers(1, 6))
def test_the_harm_is_what_counting_each_minute_gives(
    found: list[SharedSpan], capacity: int
) -> None:
    harm = 0.0
    for resource in ("dwh", "lake"):
        for minute in range(150):
            at = MIDNIGHT + minute * MINUTE
            level = sum(
                s.units for s in found if s.resource == resource and s.queued_at <= at < s.ended_at
            )
            harm += max(0, level - capacity)
    conflicts = find_conflicts(found, {"dwh": capacity, "lake": capacity})
    assert sum(c.harm / MINUTE for c in conflicts) == pytest.approx(harm)
    for conflict in conflicts:
        assert conflict.peak > capacity
        assert sum(conflict.shares.values(), timedelta()) >= conflict.harm
