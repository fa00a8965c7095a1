"""Lists by offset, read so that no row is lost while the list changes.

Airflow before 3.2.2 pages runs by offset only, and some lists always. Sorted by a key that rows
keep, a row that is added is no harm: it is read now or, being new, by the next pass. A row that is
deleted moves all later ones up, and the next page would begin too late. So each page must show one
of the last rows of the page before; where it does not, reading steps back until it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from meta_orch.orchestrators.answers import Fields

_OVERLAP = 5


@dataclass(frozen=True, slots=True)
class OffsetPlace:
    """Where the next page begins."""

    offset: int = 0
    seen: tuple[str, ...] = ()
    """Keys of the last rows that were read; one of them must be on the next page."""


@dataclass(frozen=True, slots=True)
class OffsetPage:
    rows: Sequence[Fields]
    next: OffsetPlace | None
    """None after the last page."""


Fetch = Callable[[int], tuple[Sequence[Fields], int]]
"""From an offset, the rows of one page and how many rows there are in all."""
Key = Callable[[Fields], str]


def read_offset_page(fetch: Fetch, key: Key, place: OffsetPlace) -> OffsetPage:
    """The page at `place`. It may repeat rows; rows that no page gave are only new ones."""
    offset = place.offset
    rows, total = fetch(offset)
    while offset > 0 and place.seen and not any(key(row) in place.seen for row in rows):
        offset = max(0, min(offset, total) - max(len(rows), _OVERLAP))
        rows, total = fetch(offset)
    end = offset + len(rows)
    if not rows or end >= total:
        return OffsetPage(rows, None)
    overlap = min(_OVERLAP, len(rows) - 1)
    return OffsetPage(
        rows, OffsetPlace(end - overlap, tuple(key(row) for row in rows[len(rows) - overlap :]))
    )


def read_offset_pages(fetch: Fetch, key: Key) -> Iterator[Fields]:
    """Every row once, page after page."""
    place: OffsetPlace | None = OffsetPlace()
    given: set[str] = set()
    while place is not None:
        page = read_offset_page(fetch, key, place)
        for row in page.rows:
            if key(row) not in given:
                given.add(key(row))
                yield row
        place = page.next
