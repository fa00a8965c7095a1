"""Whether pipelines keep what they promise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from meta_orch.analytics.slas.attainment import Attainment, Outcome, Verdict, attainment
from meta_orch.config.slas import SlaConfig
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.testing.builders import make_pipeline, make_run

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
ORDERS = make_pipeline("orders")


def sla(**settings: Any) -> SlaConfig:
    return SlaConfig.model_validate({"name": "s", "pipelines": "*", "window": "7d", **settings})


BY_SEVEN = sla(finish_by="0 7 * * *")


def run(
    due: datetime, took: float | None, state: RunState = RunState.SUCCEEDED, run_id: str = ""
) -> Run:
    """One that began when it was due, and took so many hours; None for one that runs still."""
    ended_at = None if took is None else due + took * HOUR
    return make_run(
        run_id or f"{due:%d_%H}",
        ORDERS,
        RunState.RUNNING if took is None else state,
        scheduled_at=due,
        queued_at=due,
        started_at=due,
        ended_at=ended_at,
    )


def verdicts(*runs: Run, now: datetime, promise: SlaConfig = BY_SEVEN) -> list[tuple[int, str]]:
    """By day of the month."""
    found = attainment(promise, runs, now).outcomes
    return [(outcome.at.day, outcome.verdict.value) for outcome in found]


def test_a_deadline_is_met_missed_or_open() -> None:
    nights = [MONDAY + number * DAY + HOUR for number in range(6)]
    found = verdicts(
        run(nights[0], 2),
        run(nights[1], 9),
        run(nights[2], 2, RunState.FAILED),
        # Nothing on the fourth night.
        run(nights[4], None),
        now=MONDAY + 4 * DAY + 8 * HOUR,
        promise=sla(finish_by="0 7 * * *", window="5d"),
    )
    assert found == [
        *((2, "met"), (3, "late"), (4, "failed"), (5, "missing"), (6, "running")),
        (7, "open"),
    ]


def test_what_was_late_for_one_deadline_is_not_there_for_the_next() -> None:
    late = run(MONDAY + HOUR, 9)
    failed = run(MONDAY + DAY + HOUR, 1, RunState.FAILED)
    found = verdicts(late, failed, now=MONDAY + DAY + 8 * HOUR)
    assert found[-3:] == [(2, "late"), (3, "failed"), (4, "open")]


def test_a_run_that_is_repeated_in_time_makes_it_good() -> None:
    failed = run(MONDAY + HOUR, 1, RunState.FAILED)
    again = run(MONDAY + 3 * HOUR, 1)
    assert verdicts(failed, again, now=MONDAY + 8 * HOUR)[-2] == (2, "met")


def test_the_next_deadline_is_met_as_soon_as_it_is() -> None:
    assert verdicts(run(MONDAY + HOUR, 1), now=MONDAY + 3 * HOUR)[-1] == (2, "met")


def test_it_is_told_how_much_room_there_was() -> None:
    found = attainment(BY_SEVEN, [run(MONDAY + HOUR, 2)], MONDAY + 8 * HOUR).outcomes
    assert found[-2].over == -4 * HOUR


def test_a_duration_is_promised_of_each_run_that_succeeds() -> None:
    promise = sla(duration_below="2h")
    found = verdicts(
        run(MONDAY, 1),
        run(MONDAY + DAY, 3),
        run(MONDAY + 2 * DAY, 3, RunState.FAILED),
        run(MONDAY + 3 * DAY, None),
        now=MONDAY + 3 * DAY + 5 * HOUR,
        promise=promise,
    )
    assert found == [(2, "met"), (3, "long"), (5, "running")]
    assert verdicts(run(MONDAY, None), now=MONDAY + HOUR, promise=promise) == [(2, "open")]


def test_success_is_promised_of_each_run() -> None:
    found = verdicts(
        run(MONDAY, 1),
        run(MONDAY + DAY, 1, RunState.FAILED),
        run(MONDAY + 2 * DAY, 1, RunState.SKIPPED),
        run(MONDAY + 3 * DAY, None),
        now=MONDAY + 4 * DAY,
        promise=sla(succeeds=True),
    )
    assert found == [(2, "met"), (3, "failed"), (5, "open")]


def test_what_is_longer_ago_than_the_window_does_not_count() -> None:
    old, new = run(MONDAY, 1), run(MONDAY + 9 * DAY, 1)
    assert verdicts(old, new, now=MONDAY + 10 * DAY, promise=sla(succeeds=True)) == [(11, "met")]


def test_freshness_is_promised_from_one_success_to_the_next() -> None:
    found = verdicts(
        run(MONDAY, 1),
        run(MONDAY + 2 * HOUR, 1),
        run(MONDAY + 5 * HOUR, 1),
        run(MONDAY + 6 * HOUR, 1, RunState.FAILED),
        now=MONDAY + 9 * HOUR,
        promise=sla(fresh_within="2h30m"),
    )
    assert found == [(2, "met"), (2, "late"), (2, "failed")]
    assert verdicts(run(MONDAY, 1), now=MONDAY + 2 * HOUR, promise=sla(fresh_within="2h30m")) == [
        (2, "open")
    ]


def test_a_duration_may_be_promised_by_what_is_usual() -> None:
    usual = [run(MONDAY + number * HOUR, 0.1) for number in range(5)]
    found = verdicts(
        *usual,
        run(MONDAY + 6 * HOUR, 0.14),
        run(MONDAY + 7 * HOUR, 0.2),
        run(MONDAY + 8 * HOUR, None),
        now=MONDAY + 9 * HOUR,
        promise=sla(times_usual=1.5),
    )
    assert found == [(2, "met"), (2, "long"), (2, "running")]


def test_runs_of_a_schedule_are_promised_to_start_on_time() -> None:
    def due(hour: int, late: timedelta | None, trigger: RunTrigger = RunTrigger.SCHEDULE) -> Run:
        at = MONDAY + hour * HOUR
        return replace(
            run(at, None),
            state=RunState.QUEUED if late is None else RunState.RUNNING,
            trigger=trigger,
            started_at=None if late is None else at + late,
        )

    minutes = timedelta(minutes=1)
    found = attainment(
        sla(start_within="10m"),
        [
            due(1, 5 * minutes),
            due(2, 15 * minutes),
            due(3, None),
            due(4, None),
            due(3, 30 * minutes, RunTrigger.MANUAL),
        ],
        MONDAY + 4 * HOUR + minutes,
    ).outcomes
    assert [(o.at.hour, o.verdict.value) for o in found] == [
        *((1, "met"), (2, "late"), (3, "missing"), (4, "open")),
    ]
    assert found[1].over == 5 * minutes


@pytest.mark.parametrize(
    ("letters", "share", "budget", "streak", "trend"),
    [
        ("", None, 0, 0, None),
        ("mmmm", 1, 0.4, 4, 0),
        ("mmmx", 0.75, -0.6, -1, -0.5),
        ("xxmm", 0.5, -1.6, 2, 1),
        ("mo", 1, 0.1, 1, None),
    ],
)
def test_attainment_is_counted_in_runs(
    letters: str, share: float | None, budget: float, streak: int, trend: float | None
) -> None:
    meaning = {"m": Verdict.MET, "x": Verdict.LATE, "o": Verdict.OPEN}
    outcomes = tuple(
        Outcome(MONDAY + number * DAY, meaning[letter]) for number, letter in enumerate(letters)
    )
    found = Attainment(outcomes, 0.9)
    assert found.share == share
    assert found.budget == pytest.approx(budget)
    assert (found.streak, found.trend) == (streak, trend)


def test_what_was_before_a_pipeline_was_known_does_not_count() -> None:
    now = MONDAY + 3 * DAY + 8 * HOUR
    found = attainment(BY_SEVEN, [], now, known_since=MONDAY + 2 * DAY).outcomes
    assert [(o.at.day, o.verdict) for o in found] == [
        *((4, Verdict.MISSING), (5, Verdict.MISSING), (6, Verdict.OPEN)),
    ]


def test_a_budget_that_is_used_up_is_not_overspent() -> None:
    outcomes = [Outcome(MONDAY, Verdict.MET)] * 9 + [Outcome(MONDAY, Verdict.LATE)]
    assert Attainment(tuple(outcomes), 0.9).budget == 0


@pytest.mark.parametrize("settings", [{}, {"finish_by": "0 7 * * *", "succeeds": True}])
def test_an_sla_is_one_promise(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="write one of"):
        sla(**settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"pipelines": None}, "or else a `chain`"),
        ({"chain": ["a/x", "b/y"]}, "or else a `chain`"),
        ({"pipelines": None, "chain": ["a/x"]}, "two pipelines or more"),
        ({"pipelines": None, "chain": ["a/x", "y"]}, "each as INSTANCE/PIPELINE"),
    ],
)
def test_an_sla_is_of_pipelines_or_of_a_chain(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        sla(succeeds=True, **settings)


def test_a_day_of_the_time_zone_has_one_deadline_though_it_has_23_hours_or_25() -> None:
    promise = sla(finish_by="0 2 * * *", timezone="Europe/Berlin", window="400d")
    found = attainment(promise, [], datetime(2026, 12, 31, 12, tzinfo=UTC)).outcomes
    in_2026 = [outcome for outcome in found if outcome.at.year == 2026]
    assert len(in_2026) == 365


runs = st.builds(
    lambda minutes, took, state: run(
        MONDAY + timedelta(minutes=minutes), took, state, f"{minutes}"
    ),
    st.integers(0, 7 * 24 * 60),
    st.none() | st.floats(0, 30),
    st.sampled_from([RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED]),
)


@given(st.lists(runs, max_size=12))
def test_every_deadline_has_one_outcome(found: list[Run]) -> None:
    now = MONDAY + 7 * DAY + 12 * HOUR
    outcomes = attainment(BY_SEVEN, found, now).outcomes
    assert [outcome.at for outcome in outcomes] == [
        (MONDAY + day * DAY).replace(hour=7) for day in range(1, 9)
    ]
    assert {o.verdict for o in outcomes if o.at > now} <= {Verdict.OPEN, Verdict.MET}
    assert Verdict.OPEN not in {o.verdict for o in outcomes if o.at <= now}


_WORST_LAST = [Verdict.MET, Verdict.LATE, Verdict.RUNNING, Verdict.FAILED, Verdict.MISSING]


@given(st.lists(runs, min_size=1, max_size=8), st.floats(0, 1), st.data())
def test_a_success_that_comes_sooner_makes_nothing_worse(
    found: list[Run], part: float, data: st.DataObject
) -> None:
    now = MONDAY + 7 * DAY + 12 * HOUR
    succeeded = [r for r in found if r.state is RunState.SUCCEEDED and r.ended_at and r.started_at]
    if not succeeded:
        return
    chosen = data.draw(st.sampled_from(succeeded))
    assert chosen.started_at is not None
    assert chosen.ended_at is not None
    sooner = replace(
        chosen, ended_at=chosen.started_at + part * (chosen.ended_at - chosen.started_at)
    )
    before = attainment(BY_SEVEN, found, now).outcomes
    after = attainment(BY_SEVEN, [sooner if r is chosen else r for r in found], now).outcomes
    for old, new in zip(before, after, strict=True):
        if old.verdict is not Verdict.OPEN:
            assert _WORST_LAST.index(new.verdict) <= _WORST_LAST.index(old.verdict)
