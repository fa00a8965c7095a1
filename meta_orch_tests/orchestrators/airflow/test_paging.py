"""Lists by offset lose nothing, whatever is added and deleted while they are read."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.orchestrators.airflow.paging import OffsetPlace, read_offset_page, read_offset_pages
from meta_orch.orchestrators.answers import Fields


class ChangingList:
    """A list sorted by number, which changes after each page that it gives.

    Args:
        changes: for each page in turn, the numbers that are deleted and those that are added.
    """

    def __init__(
        self, numbers: set[int], changes: Sequence[tuple[set[int], set[int]]], page_size: int
    ) -> None:
        self.numbers = set(numbers)
        self.always = set(numbers)
        """What was there all the time."""
        self.fetches = 0
        self._changes = list(changes)
        self._page_size = page_size

    def fetch(self, offset: int) -> tuple[list[Fields], int]:
        self.fetches += 1
        page = sorted(self.numbers)[offset : offset + self._page_size]
        total = len(self.numbers)
        if self._changes:
            deleted, added = self._changes.pop(0)
            self.numbers = (self.numbers - deleted) | added
            self.always -= deleted
        return [Fields({"number": str(number)}, "a row") for number in page], total


def key(row: Fields) -> str:
    return row.text("number")


numbers = st.integers(0, 60)
changing_lists = st.builds(
    ChangingList,
    st.sets(numbers, max_size=60),
    st.lists(st.tuples(st.sets(numbers, max_size=20), st.sets(numbers, max_size=20)), max_size=12),
    st.integers(2, 12),
)


@given(changing_lists)
def test_every_row_that_stays_is_given_once(rows: ChangingList) -> None:
    given_rows = [int(key(row)) for row in read_offset_pages(rows.fetch, key)]
    assert rows.always <= set(given_rows)
    assert len(given_rows) == len(set(given_rows))


@given(changing_lists)
def test_stopping_after_each_page_and_going_on_later_loses_no_row(rows: ChangingList) -> None:
    seen: set[int] = set()
    place: OffsetPlace | None = OffsetPlace()
    while place is not None:
        page = read_offset_page(rows.fetch, key, place)
        seen |= {int(key(row)) for row in page.rows}
        place = page.next
    assert rows.always <= seen


@given(st.sets(numbers, max_size=60), st.integers(20, 40))
def test_a_list_that_does_not_change_takes_hardly_more_pages_than_it_has(
    there: set[int], page_size: int
) -> None:
    rows = ChangingList(there, (), page_size)
    assert len(list(read_offset_pages(rows.fetch, key))) == len(there)
    assert rows.fetches <= len(there) // (page_size - 5) + 1


def test_a_list_of_one_row_a_page_is_read_to_its_end() -> None:
    rows = ChangingList({1, 2, 3}, (), page_size=1)
    assert [key(row) for row in read_offset_pages(rows.fetch, key)] == ["1", "2", "3"]
