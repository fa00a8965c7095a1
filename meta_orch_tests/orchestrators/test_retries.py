"""When a request is sent again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.orchestrators.retries import (
    BUDGET,
    Failure,
    Sender,
    pause_before_retry,
    read_retry_after,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
draws = st.floats(0, 1)
waits = st.none() | st.floats(0, 100)


@given(st.sampled_from(Failure), st.integers(1, 9), st.floats(0, 30), draws, waits)
def test_no_try_begins_after_the_budget_and_none_before_the_server_wants_it(
    failure: Failure, tries: int, spent: float, draw: float, retry_after: float | None
) -> None:
    pause = pause_before_retry(failure, tries, spent, draw, retry_after)
    if pause is not None:
        assert spent + pause <= BUDGET
        assert pause >= (retry_after or 0)


@given(st.sampled_from(Failure), draws)
def test_pauses_grow_and_are_drawn_between_nothing_and_the_most(
    failure: Failure, draw: float
) -> None:
    pauses = [pause_before_retry(failure, tries, 0, draw) for tries in range(1, 9)]
    taken = [pause for pause in pauses if pause is not None]
    assert taken == sorted(taken)
    assert pauses[len(taken) :] == [None] * (len(pauses) - len(taken))
    most = [pause_before_retry(failure, tries, 0, 1) or 0 for tries in range(1, len(taken) + 1)]
    assert taken == pytest.approx([draw * pause for pause in most])


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("7", 7),
        (" 0 ", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("soon", None),
        ("-1", None),
        ("9" * 30, None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, wait: int | None) -> None:
    expected = None if wait is None else timedelta(seconds=wait)
    assert read_retry_after(text, NOW) == expected


@dataclass
class Server:
    """Answers one after the other, or fails; each takes a second."""

    answers: list[int | Exception]
    now: float = 0
    sent: list[float] = field(default_factory=list)

    def ask(self, *, acts: bool = False) -> int:
        def sleep(seconds: float) -> None:
            self.now += seconds

        sender = Sender(clock=lambda: self.now, sleep=sleep, draw=lambda: 1.0)
        return sender.send(
            self._answer,
            busy=lambda status: status == 503,
            retry_after=lambda _: None,
            no_answer=ConnectionError,
            acts=acts,
        )

    def _answer(self) -> int:
        self.sent.append(self.now)
        self.now += 1
        answer = self.answers[min(len(self.sent), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_the_first_good_answer_is_taken() -> None:
    assert Server([503, 503, 200]).ask() == 200
    assert Server([ConnectionError(), 200]).ask() == 200


def test_the_last_failure_is_the_answer() -> None:
    server = Server([503])
    assert server.ask() == 503
    assert len(server.sent) == 4
    silent = Server([ConnectionError("gone")])
    with pytest.raises(ConnectionError, match="gone"):
        silent.ask()
    assert len(silent.sent) == 2


def test_what_acts_is_sent_once() -> None:
    server = Server([503, 200])
    assert server.ask(acts=True) == 503
    assert len(server.sent) == 1
    silent = Server([ConnectionError(), 200])
    with pytest.raises(ConnectionError):
        silent.ask(acts=True)
    assert len(silent.sent) == 1
