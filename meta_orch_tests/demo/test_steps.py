"""Progress on a terminal, lines in a log, and a table of what took how long."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import accumulate, count

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from meta_orch.demo.steps import Steps


@pytest.fixture
def clock() -> Callable[[], float]:
    """Is asked at the start and the end of each step, and moves on by 0, 1, 2, … seconds."""
    return accumulate(count()).__next__


def _console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, force_terminal=terminal, width=60, color_system=None), output


def test_a_log_gets_a_line_for_the_start_the_news_and_the_end_of_each_step(
    clock: Callable[[], float], snapshot: SnapshotAssertion
) -> None:
    console, output = _console(terminal=False)
    steps = Steps(console, clock=clock)
    with steps.step("Install [something]") as say:
        say("installing 100 packages")
    with steps.step("Start it"):
        pass
    console.print(steps.table())
    assert output.getvalue() == snapshot


def test_a_terminal_keeps_one_line_for_each_finished_step(clock: Callable[[], float]) -> None:
    console, output = _console(terminal=True)
    with Steps(console, clock=clock).step("Install") as say:
        say("installing 100 packages")
    assert output.getvalue().splitlines()[-1].endswith("✓ Install 1.0 s")


def test_a_step_that_fails_is_not_said_to_be_done(clock: Callable[[], float]) -> None:
    console, output = _console(terminal=False)
    steps = Steps(console, clock=clock)
    with pytest.raises(ValueError, match="broken"), steps.step("Install"):
        raise ValueError("broken")
    assert "✓" not in output.getvalue()
    assert steps.table().row_count == 0
