"""The cursor as text, and the spans of history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.time import Window
from meta_orch.orchestrators.airflow.api import RunsPlace, TaskInstancesPlace
from meta_orch.orchestrators.airflow.cursor import Cursor, Pass, Span, TaskSweep
from meta_orch.orchestrators.airflow.paging import OffsetPlace

instants = st.integers(0, 10**7).map(
    lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
offsets = st.builds(OffsetPlace, st.integers(0, 10**6), st.lists(st.text(), max_size=5).map(tuple))
places = st.builds(RunsPlace, cursor=st.text()) | st.builds(RunsPlace, offset=offsets)
tasks = st.builds(TaskInstancesPlace, offset=offsets) | st.builds(
    TaskInstancesPlace, updated_since=instants
)
windows = st.tuples(instants, instants).map(lambda pair: Window(min(pair), max(pair)))
cursors = st.builds(
    Cursor,
    instants,
    st.none() | instants,
    st.none() | instants,
    st.none() | st.builds(Pass, instants, places),
    st.none()
    | st.builds(TaskSweep, instants)
    | st.builds(TaskSweep, instants, instants, st.none() | tasks),
    st.lists(st.builds(Span, windows, st.none() | places, st.none() | instants), max_size=3).map(
        tuple
    ),
)


@given(cursors)
def test_a_cursor_is_read_as_it_was_written(cursor: Cursor) -> None:
    assert Cursor.from_text(cursor.to_text()) == cursor


@given(instants, st.timedeltas(timedelta(hours=1), timedelta(days=3650)))
def test_history_is_all_of_the_past_the_newest_first(begin: datetime, length: timedelta) -> None:
    until = begin + length
    cursor = Cursor(watermark=begin, horizon=begin).with_history(until)
    spans = [span.updated for span in cursor.history]
    assert cursor.watermark == until
    assert cursor.horizon is None
    assert spans[0].end == until
    assert spans[-1].start == begin
    assert all(later.start == earlier.end for later, earlier in pairwise(spans))
    assert {span.ended_since for span in cursor.history} == {begin}
