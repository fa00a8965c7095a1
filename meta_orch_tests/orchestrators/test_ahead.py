"""Reading ahead changes when requests are made, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import closing

import pytest

from meta_orch.orchestrators.ahead import ReadAhead


@pytest.fixture(params=[1, 2, 4])
def ahead(request: pytest.FixtureRequest) -> Iterator[ReadAhead]:
    with ReadAhead(request.param) as reading:
        yield reading


def test_pages_come_in_their_order(ahead: ReadAhead) -> None:
    assert list(ahead.pages(iter(range(50)), waiting=3)) == list(range(50))


def test_answers_are_those_to_their_requests(ahead: ReadAhead) -> None:
    answers = [ahead.ask(pow, base, 2) for base in range(20)]
    assert [answer() for answer in answers] == [base**2 for base in range(20)]


def test_an_error_comes_after_the_pages_before_it(ahead: ReadAhead) -> None:
    def pages() -> Iterator[int]:
        yield from (1, 2)
        raise LookupError("the third page")

    read = ahead.pages(pages(), waiting=8)
    assert [next(read), next(read)] == [1, 2]
    with pytest.raises(LookupError, match="the third page"):
        next(read)


def test_the_error_of_a_request_comes_with_its_answer(ahead: ReadAhead) -> None:
    answer = ahead.ask(int, "no number")
    with pytest.raises(ValueError, match="no number"):
        answer()


def test_no_more_pages_are_read_ahead_than_may_wait() -> None:
    read: list[int] = []

    def pages() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    with ReadAhead(2) as ahead, closing(ahead.pages(pages(), waiting=3)) as ahead_of_me:
        next(ahead_of_me)
        time.sleep(0.05)
        assert len(read) <= 1 + 3


def test_closing_ends_the_thread_that_reads_ahead() -> None:
    before = threading.active_count()
    with ReadAhead(2) as ahead:
        next(ahead.pages(iter(range(100)), waiting=3))
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_pages_after_the_closing_are_no_end() -> None:
    with ReadAhead(2) as ahead:
        pages = ahead.pages(iter(range(100)), waiting=3)
        next(pages)
    with pytest.raises(CancelledError):
        list(pages)


def test_with_one_connection_a_request_is_made_when_its_answer_is_waited_for() -> None:
    asked: list[str] = []
    with ReadAhead(1) as ahead:
        answer = ahead.ask(asked.append, "it")
        assert asked == []
        answer()
    assert asked == ["it"]
