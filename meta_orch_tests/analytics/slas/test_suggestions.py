"""What pipelines could promise, by their history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.slas.suggestions import Suggestion, suggest_sla
from meta_orch.domain.runs import Run
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.ticks import cron
from meta_orch.testing.builders import make_pipeline, make_run

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = cron("30 4 * * *", "Europe/Berlin")


def nights(minutes: list[float], hour: int = 4) -> list[Run]:
    """The last nights, the last one last: began at half past, took so many minutes."""
    found = []
    for number, took in enumerate(reversed(minutes)):
        day = (NOW - number * DAY).astimezone(BERLIN)
        at = day.replace(hour=hour, minute=30).astimezone(UTC)
        found.append(
            make_run(
                f"night_{number}",
                make_pipeline("orders"),
                RunState.SUCCEEDED,
                trigger=RunTrigger.SCHEDULE,
                scheduled_at=at,
                queued_at=at,
                started_at=at,
                ended_at=at + took * MINUTE,
            )
        )
    return found


def suggest(runs: list[Run], *schedules: Schedule, target: float = 0.95) -> Suggestion | None:
    pipeline = make_pipeline("orders", schedules=schedules)
    return suggest_sla(pipeline, runs, NOW, window=30 * DAY, target=target, least=10)


def test_what_runs_at_a_time_of_day_is_given_a_deadline_in_its_time_zone() -> None:
    """Across the change to summer time, too."""
    found = suggest(nights([40] * 20), NIGHTLY)
    assert found is not None
    # 40 minutes and a fifth more, in steps of five: 50 after half past four.
    assert (found.sla.finish_by, found.sla.timezone) == ("20 5 * * *", "Europe/Berlin")
    assert found.attainment.share == 1
    assert found.attainment.met >= 20


def test_what_else_runs_is_given_a_duration() -> None:
    hourly = Schedule(ScheduleKind.INTERVAL, interval=timedelta(hours=1), anchor=NOW)
    for schedules in ([], [hourly], [cron("0 * * * *")]):
        found = suggest(nights([40] * 20), *schedules)
        assert found is not None
        assert found.sla.duration_below == 50 * MINUTE


def test_a_deadline_that_would_be_of_the_day_after_is_a_duration() -> None:
    found = suggest(nights([60] * 20, hour=23), cron("30 23 * * *", "Europe/Berlin"))
    assert found is not None
    assert found.sla.finish_by is None


def test_too_short_a_history_promises_nothing() -> None:
    assert suggest(nights([40] * 9), NIGHTLY) is None


@given(st.lists(st.floats(1, 600), min_size=10, max_size=29), st.booleans())
def test_what_is_suggested_would_have_been_kept(minutes: list[float], is_scheduled: bool) -> None:
    found = suggest(nights(minutes), *([NIGHTLY] if is_scheduled else []), target=0.9)
    assert found is None or (found.attainment.share or 0) >= 0.9
    if not is_scheduled:
        assert found is not None
