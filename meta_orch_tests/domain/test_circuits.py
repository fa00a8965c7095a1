"""When a server is left alone, and for how long."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.circuits import (
    FAILURES_BEFORE_OPEN,
    LONGEST_PAUSE,
    LONGEST_WISH,
    Circuit,
)
from meta_orch.testing.builders import NOON

POLL = timedelta(seconds=30)
draws = st.floats(0, 1)


def fail(circuit: Circuit, draw: float = 1, wish: timedelta | None = None) -> Circuit:
    return circuit.after_failure(NOON, poll_interval=POLL, draw=draw, retry_after=wish)


def test_it_opens_after_the_third_failure_in_a_row() -> None:
    circuit = Circuit()
    for _ in range(FAILURES_BEFORE_OPEN - 1):
        circuit = fail(circuit)
        assert not circuit.is_open(NOON)
    circuit = fail(circuit)
    assert circuit.is_open(NOON)
    assert circuit.retry_at == NOON + 2 * POLL


def test_one_reading_tries_when_the_pause_is_over_and_a_success_closes_it() -> None:
    circuit = fail(Circuit(failures=FAILURES_BEFORE_OPEN))
    assert circuit.retry_at is not None
    assert not circuit.is_open(circuit.retry_at)
    assert circuit.after_success() == Circuit()


@given(st.integers(FAILURES_BEFORE_OPEN, 100), draws)
def test_pauses_double_up_to_the_longest_and_lie_in_their_second_half(
    failures: int, draw: float
) -> None:
    pauses = []
    for count in (failures, failures + 1):
        retry_at = fail(Circuit(count), draw).retry_at
        assert retry_at is not None
        pauses.append(retry_at - NOON)
    shorter, longer = pauses
    assert shorter <= longer <= LONGEST_PAUSE
    assert longer <= 2 * shorter + timedelta(microseconds=2)
    assert shorter >= POLL


@given(st.integers(0, 10), draws, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_what_the_server_asks_for_is_heeded_at_once_within_reason(
    failures: int, draw: float, wish: timedelta
) -> None:
    circuit = fail(Circuit(failures), draw, wish)
    assert (circuit.retry_at or NOON) >= NOON + min(wish, LONGEST_WISH)
