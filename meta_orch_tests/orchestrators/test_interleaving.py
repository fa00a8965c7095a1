"""Several sequences at once: nothing lost, order kept, nobody left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.orchestrators.interleaving import interleave


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("page-reader")]


@given(
    st.lists(st.lists(st.integers(), max_size=5), max_size=5), st.integers(1, 4), st.integers(1, 3)
)
def test_every_item_comes_once_and_those_of_a_source_in_order(
    sources: list[list[int]], at_once: int, ahead: int
) -> None:
    found: list[list[int]] = [[] for _ in sources]
    for number, item in interleave([iter(s) for s in sources], at_once=at_once, ahead=ahead):
        found[number].append(item)
    assert found == sources
    assert readers() == []


def test_no_more_wait_than_may() -> None:
    made = 0

    def endless() -> Iterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    items = interleave([endless(), endless()], at_once=2, ahead=3)
    next(items)
    time.sleep(0.3)
    assert made <= 1 + 3 + 2  # taken, waiting, and one in the hands of each reader
    items.close()  # type: ignore[attr-defined]  # a generator
    assert readers() == []


def test_an_error_of_one_source_is_raised_and_ends_the_others() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    def endless() -> Iterator[int]:
        while True:
            yield 2

    with pytest.raises(ValueError, match="broken"):
        for _ in interleave([endless(), broken()], at_once=2, ahead=2):
            pass
    assert readers() == []
