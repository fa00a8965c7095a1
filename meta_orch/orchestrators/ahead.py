"""Several requests under way at once, their answers in the order in which they were asked for.

A server answers a few requests at once faster than one after the other, and goes on working while
what it answered is parsed and stored. How many are under way is bounded by the transport, how many
answers wait is bounded here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Answer = Callable[[], T]
"""Waits for what was asked for, and gives it or raises what went wrong. May be called once."""

_DECODING = 2
"""Threads beyond the requests under way: while some decode answers, the server has enough to do."""


class ReadAhead:
    """Makes requests on threads of its own. Closed, it ends them, at the latest when the requests
    under way are answered.

    Args:
        connections: requests that the transport lets be under way at once. With one there are no
            threads: each request is made when its answer is waited for.
    """

    def __init__(self, connections: int) -> None:
        self._pool = ThreadPoolExecutor(connections + _DECODING) if connections > 1 else None
        self._pages: _Pages[Any] | None = None

    def ask(self, request: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Answer[T]:
        if self._pool is None:
            return partial(request, *args, **kwargs)
        return self._pool.submit(request, *args, **kwargs).result

    def pages(self, pages: Iterator[T], *, waiting: int) -> Generator[T, None, None]:
        """The same pages, read on while those before are worked on: at most `waiting` of them wait.

        An error comes after the pages before it. Of one `ReadAhead` there may be one such iterator;
        closing it stops `pages` after the page that it is at.
        """
        if self._pool is None:
            yield from pages
            return
        self._pages = ahead = _Pages(pages, waiting)
        try:
            yield from ahead
        finally:
            ahead.stop()

    def close(self) -> None:
        """Safe to repeat."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            if self._pages is not None:
                self._pages.stop()
                self._pages.join()
            self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Pages(Generic[T]):
    """Pages that a thread reads while there is room for them."""

    def __init__(self, pages: Iterator[T], waiting: int) -> None:
        self._source = pages
        self._read: SimpleQueue[Future[T] | None] = SimpleQueue()
        """None is their end."""
        self._room = threading.Semaphore(waiting)
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read_on)
        self._reader.start()

    def __iter__(self) -> Iterator[T]:
        while (page := self._read.get()) is not None:
            self._room.release()
            yield page.result()

    def stop(self) -> None:
        self._closed.set()
        self._room.release()

    def join(self) -> None:
        self._reader.join()

    def _read_on(self) -> None:
        while self._room.acquire():
            outcome: Future[T] = Future()
            try:
                if self._closed.is_set():
                    raise CancelledError  # not the end: whoever still reads must not take it for it
                outcome.set_result(next(self._source))
            except StopIteration:
                self._read.put(None)
                return
            except BaseException as error:  # noqa: BLE001  it is raised where the page is waited for
                outcome.set_exception(error)
                self._read.put(outcome)
                return
            self._read.put(outcome)
