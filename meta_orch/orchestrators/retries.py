"""Whether, and after how long, a request that failed is sent again.

Only one that reads: what acts may have acted although no answer came. Pauses grow and are drawn by
chance, from nothing to the most ("full jitter"), so that those who failed together do not come back
together. All of it fits into a sensor's tick: what would take longer is left to the next one, and
to the collector's circuit.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar

_T = TypeVar("_T")

BUSY = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
BUDGET = 12.0
"""Seconds from the first sending on, in which another may begin. A time-out of half a minute, which
is the usual one for answers, is therefore not waited for twice in one tick."""
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 4.0


class Failure(StrEnum):
    BUSY = "busy"
    """The server, or what stands before it, said that it cannot answer now."""
    NO_ANSWER = "no answer"
    """No connection came about, it broke, or nothing came in time."""


_TRIES = {Failure.BUSY: 4, Failure.NO_ANSWER: 2}


def pause_before_retry(
    failure: Failure, tries: int, spent: float, draw: float, retry_after: float | None = None
) -> float | None:
    """Seconds to wait before a request that reads is sent again; None where it is not.

    Args:
        tries: how often it was sent, at least once.
        spent: seconds since it was first sent.
        draw: by chance, from 0 to 1.
        retry_after: what the server asked to wait, in seconds.
    """
    if tries >= _TRIES[failure]:
        return None
    pause = draw * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
    if retry_after is not None:
        pause += retry_after
    return pause if spent + pause <= BUDGET else None


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """What a `Retry-After` header asks: seconds, or a date (RFC 9110, 10.2.3). None where there is
    none, or one that cannot be read."""
    if not text:
        return None
    try:
        if text.strip().isdigit():
            return timedelta(seconds=int(text))
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(timedelta(0), (at if at.tzinfo else at.replace(tzinfo=UTC)) - now)


@dataclass(frozen=True)
class Sender:
    """Sends requests, again where that may help.

    Args:
        clock: gives monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random

    def send(
        self,
        send: Callable[[], _T],
        busy: Callable[[_T], bool],
        retry_after: Callable[[_T], timedelta | None],
        no_answer: type[Exception],
        *,
        acts: bool,
    ) -> _T:
        """The last answer.

        Args:
            send: sends the request once.
            busy: whether an answer says that the server cannot answer now.
            retry_after: what a busy answer asks to wait.
            no_answer: what `send` raises where no answer came; raised again after the last try.
            acts: whether the request changes something, and so is sent once only.
        """
        begin, tries = self.clock(), 0
        while True:
            tries += 1
            try:
                answer = send()
            except no_answer:
                pause = self._pause(Failure.NO_ANSWER, tries, begin, None)
                if acts or pause is None:
                    raise
            else:
                if acts or not busy(answer):
                    return answer
                pause = self._pause(Failure.BUSY, tries, begin, retry_after(answer))
                if pause is None:
                    return answer
            self.sleep(pause)

    def _pause(
        self, failure: Failure, tries: int, begin: float, retry_after: timedelta | None
    ) -> float | None:
        return pause_before_retry(
            failure,
            tries,
            self.clock() - begin,
            self.draw(),
            None if retry_after is None else retry_after.total_seconds(),
        )
