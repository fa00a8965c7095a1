"""Why promises were missed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meta_orch.analytics.slas.attainment import Outcome, Verdict
from meta_orch.analytics.slas.causes import cause, usual_times
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.testing.builders import NOON, make_pipeline, make_run

MINUTE = timedelta(minutes=1)


def run(late: float, queued: float, executed: float, state: RunState = RunState.SUCCEEDED) -> Run:
    """In minutes, one after the other."""
    return make_run(
        "run",
        make_pipeline("orders"),
        state,
        scheduled_at=NOON,
        queued_at=NOON + late * MINUTE,
        started_at=NOON + (late + queued) * MINUTE,
        ended_at=NOON + (late + queued + executed) * MINUTE,
        message="disk full" if state is RunState.FAILED else None,
    )


USUAL = usual_times([run(1, 2, 10), run(1, 2, 12), run(0, 3, 11), run(9, 9, 9, RunState.FAILED)])


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (run(30, 2, 10), "it was begun 29 min later than usual"),
        (run(1, 32, 10), "it was queued 30 min longer than usual"),
        (run(1, 2, 41), "it took 30 min longer than usual"),
        (run(1, 2, 9), "nothing was unusual: the promise is tighter than what it usually takes"),
    ],
)
def test_it_is_the_part_of_its_time_that_was_most_unusual(found: Run, why: str) -> None:
    assert cause(Outcome(NOON, Verdict.LATE, found), USUAL) == why


def test_of_a_failure_it_is_what_the_orchestrator_says() -> None:
    failed = run(1, 2, 3, RunState.FAILED)
    assert cause(Outcome(NOON, Verdict.FAILED, failed), USUAL) == "disk full"


def test_what_was_met_has_none_and_what_is_missing_did_not_run() -> None:
    assert cause(Outcome(NOON, Verdict.MET, run(1, 2, 3)), USUAL) is None
    assert cause(Outcome(NOON, Verdict.MISSING), None) == "nothing ran"
