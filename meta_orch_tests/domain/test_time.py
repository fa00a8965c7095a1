"""Instants are aware UTC; windows are half open."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.time import Window, as_utc, parse_instant

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)

instants = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001  # hypothesis wants its bounds naive
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001  # likewise
    timezones=st.timezones(),
).filter(lambda instant: instant.utcoffset() is not None)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first, second = sorted([as_utc(draw(instants)), as_utc(draw(instants))])
    return Window(first, second)


@given(instants)
def test_an_instant_survives_being_written_and_read(instant: datetime) -> None:
    assert parse_instant(instant.isoformat()) == as_utc(instant)


def test_a_text_without_an_offset_is_utc() -> None:
    assert parse_instant("2026-03-29T12:00:00") == NOON


def test_a_z_and_an_offset_name_the_same_instant() -> None:
    assert parse_instant("2026-03-29T12:00:00Z") == parse_instant("2026-03-29T14:00:00+02:00")


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_text_is_no_instant(nothing: str | None) -> None:
    assert parse_instant(nothing) is None


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        as_utc(NOON.replace(tzinfo=None))


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(NOON, NOON + timedelta(hours=1))
    assert window.start in window
    assert window.end not in window


def test_a_window_is_kept_in_utc() -> None:
    summer = timezone(timedelta(hours=2))
    assert Window(NOON.astimezone(summer), NOON.astimezone(summer)).start.tzinfo is UTC


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        Window(NOON, NOON - timedelta(microseconds=1))


@given(windows(), windows())
def test_overlap_is_mutual(a: Window, b: Window) -> None:
    assert a.overlaps(b) == b.overlaps(a)


@given(windows(), windows(), instants)
def test_an_instant_is_in_the_intersection_exactly_when_it_is_in_both(
    a: Window, b: Window, instant: datetime
) -> None:
    assert (instant in a.intersection(b)) == (instant in a and instant in b)


@given(windows())
def test_adjacent_windows_share_nothing(window: Window) -> None:
    following = Window(window.end, window.end + timedelta(days=1))
    assert not window.overlaps(following)
