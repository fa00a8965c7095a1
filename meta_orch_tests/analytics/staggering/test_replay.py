"""What history would have been with other starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.staggering.replay import replay
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.store.measuring import SharedSpan

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A, B, C = (PipelineKey("i", name) for name in "abc")


def span(key: PipelineKey, at: int, minutes: int, units: float = 1, waited: int = 0) -> SharedSpan:
    begun = MIDNIGHT + (at + waited) * MINUTE
    queued = MIDNIGHT + at * MINUTE
    return SharedSpan("dwh", key, units, queued, begun, begun + minutes * MINUTE)


def test_what_comes_first_goes_first_and_the_rest_waits_for_room() -> None:
    found = replay([span(A, 0, 10), span(B, 0, 20), span(C, 5, 5)], 2, {})
    # C waits from five past to ten past.
    assert (found.queued, found.peak, found.runs) == (5 * MINUTE, 3, 3)


def test_how_long_it_waited_then_does_not_count() -> None:
    """It was queued for an hour for want of what the replay has."""
    assert replay([span(A, 0, 10, waited=60)], 1, {}).queued == timedelta()


def test_a_wide_one_is_not_overtaken() -> None:
    found = replay([span(A, 0, 10), span(B, 1, 10, units=2), span(C, 2, 1)], 2, {})
    # B waits for A until ten past, with both its units; C for B until twenty past.
    assert found.queued == 2 * 9 * MINUTE + 18 * MINUTE


def test_one_that_begins_later_no_longer_waits_but_may_miss_its_deadline() -> None:
    spans = [span(A, 0, 10), span(B, 0, 10)]

    def deadline(key: PipelineKey, at: datetime) -> datetime | None:
        return at + 22 * MINUTE if key == B else None

    before = replay(spans, 1, {}, deadline)
    assert (before.queued, before.peak, before.missed) == (10 * MINUTE, 2, 0)
    after = replay(spans, 1, {B: 10 * MINUTE}, deadline)
    assert (after.queued, after.peak, after.missed) == (timedelta(), 1, 0)
    assert replay(spans, 1, {B: 15 * MINUTE}, deadline).missed == 1


def test_nothing_recorded_is_nothing_to_replay() -> None:
    assert replay([], 3, {}).runs == 0


spans = st.lists(
    st.builds(
        span,
        st.sampled_from([A, B, C]),
        st.integers(0, 100),
        st.integers(1, 30),
        st.integers(1, 3),
    ),
    max_size=15,
)


@given(spans, st.integers(1, 6))
def test_more_room_is_less_waiting_and_enough_is_none(found: list[SharedSpan], room: int) -> None:
    assert replay(found, sum(s.units for s in found) + 1, {}).queued == timedelta()
    if room >= 3:
        assert replay(found, room + 50, {}).queued <= replay(found, room, {}).queued


@given(spans, st.integers(1, 6))
def test_never_more_than_there_is_in_use_at_once(found: list[SharedSpan], room: int) -> None:
    """What waits makes the peak of what is wanted no lower."""
    waiting, free = replay(found, room, {}), replay(found, 1000, {})
    assert waiting.peak >= min(free.peak, room)
