"""Reading several sequences of pages at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

_T = TypeVar("_T")
_LOOK_UP_EVERY = 0.1
"""Seconds."""


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


@dataclass(frozen=True, slots=True)
class _Item(Generic[_T]):
    source: int
    value: _T


def interleave(
    sources: Sequence[Iterator[_T]], *, at_once: int, ahead: int
) -> Iterator[tuple[int, _T]]:
    """Every item of every source, with the number of its source.

    The items of a source keep their order. Sources are begun in theirs, `at_once` of them are read
    at a time, each by a thread, and `ahead` items at most wait to be taken. An error of a source is
    raised where it is met, and ends all. When the iterator is closed, the threads end with the item
    that they are reading.
    """
    if at_once == 1 or len(sources) == 1:
        for number, source in enumerate(sources):
            for item in source:
                yield number, item
        return
    reading = _Reading(sources, at_once, ahead)
    try:
        yield from reading.items()
    finally:
        reading.stop()


class _Reading(Generic[_T]):
    def __init__(self, sources: Sequence[Iterator[_T]], at_once: int, ahead: int) -> None:
        self._waiting = iter(enumerate(sources))
        self._guard = threading.Lock()
        self._queue: Queue[_Item[_T] | _Failed | None] = Queue(ahead)
        self._is_stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"page-reader-{number}", daemon=True)
            for number in range(min(at_once, len(sources)))
        ]
        for thread in self._threads:
            thread.start()

    def items(self) -> Iterator[tuple[int, _T]]:
        at_work = len(self._threads)
        while at_work:
            item = self._queue.get()
            if isinstance(item, _Failed):
                raise item.error
            if item is None:
                at_work -= 1
            else:
                yield item.source, item.value

    def stop(self) -> None:
        self._is_stopped.set()
        while any(thread.is_alive() for thread in self._threads):
            with suppress(Empty):
                self._queue.get(timeout=_LOOK_UP_EVERY)

    def _work(self) -> None:
        try:
            while not self._is_stopped.is_set():
                with self._guard:
                    number, source = next(self._waiting, (0, None))
                if source is None:
                    break
                for value in source:
                    if not self._put(_Item(number, value)):
                        return
        except BaseException as error:  # noqa: BLE001  # raised again where the items are taken
            self._put(_Failed(error))
        else:
            self._put(None)

    def _put(self, item: _Item[_T] | _Failed | None) -> bool:
        """Whether it will be taken."""
        while not self._is_stopped.is_set():
            with suppress(Full):
                self._queue.put(item, timeout=_LOOK_UP_EVERY)
                return True
        return False
