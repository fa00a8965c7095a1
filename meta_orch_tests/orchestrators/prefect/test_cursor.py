"""The place in a reading survives being stored, wherever it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.time import Window
from meta_orch.orchestrators.prefect.cursor import Cursor, Pass

instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone
windows = st.builds(
    lambda start, length: Window(start, start + length),
    instants,
    st.timedeltas(timedelta(0), timedelta(days=400)),
)
passes = st.builds(
    Pass,
    began_at=instants,
    active_from=st.none() | st.integers(0, 10_000),
    edited=st.none() | windows,
)
cursors = st.builds(
    Cursor,
    watermark=instants,
    history=st.lists(windows, max_size=3).map(tuple),
    unsettled=st.none() | windows,
    rescanned_at=st.none() | instants,
    current=st.none() | passes,
)


@given(cursors)
def test_a_cursor_survives_being_written_and_read(cursor: Cursor) -> None:
    assert Cursor.read(cursor.write()) == cursor


@given(cursors, instants)
def test_a_run_that_ended_is_unsettled_until_its_time_has_come(
    cursor: Cursor, ended_at: datetime
) -> None:
    waiting = cursor.with_unsettled(ended_at)
    due, rest = waiting.split_unsettled(ended_at - timedelta(microseconds=1))
    assert due is None or due.end < ended_at
    assert rest.unsettled is not None
    assert rest.unsettled.end >= ended_at
    due, _ = waiting.split_unsettled(ended_at)
    assert due is not None
    assert due.end >= ended_at


@given(cursors, instants)
def test_what_is_due_and_what_is_not_make_up_the_whole(cursor: Cursor, until: datetime) -> None:
    due, rest = cursor.split_unsettled(until)
    parts = [part for part in (due, rest.unsettled) if part]
    if cursor.unsettled is None:
        assert parts == []
    else:
        assert parts[0].start == cursor.unsettled.start
        assert parts[-1].end == cursor.unsettled.end
