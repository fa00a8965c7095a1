from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.words import describe_duration, describe_schedule, describe_schedules

RULES = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.text("0123456789*/,-#LW ?@", max_size=20),
    st.from_regex(
        r"(FREQ|BYDAY|INTERVAL|BYHOUR|BYMINUTE)=[A-Z0-9,]{0,5}(;BYDAY=MO)?", fullmatch=True
    ),
)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (
            Schedule(ScheduleKind.CRON, "0 6 * * 1-5", timezone="Europe/Berlin"),
            "At 06:00, Monday through Friday (Europe/Berlin)",
        ),
        (Schedule(ScheduleKind.CRON, "@daily"), "At 00:00 (UTC)"),
        (
            Schedule(ScheduleKind.CRON, "*/5 * * * *", is_active=False),
            "Every 5 minutes (UTC); switched off",
        ),
        (Schedule(ScheduleKind.CRON, "H 3 * * *"), "By cron H 3 * * * (UTC)"),
        (Schedule(ScheduleKind.CRON, "0 0 3 * * *"), "By cron 0 0 3 * * * (UTC)"),
        (Schedule(ScheduleKind.INTERVAL, interval=timedelta(minutes=90)), "Every 1 h 30 min"),
        (
            Schedule(ScheduleKind.RRULE, "FREQ=WEEKLY;BYDAY=MO,FR"),
            "Every week on Monday and Friday (UTC)",
        ),
        (
            Schedule(ScheduleKind.RRULE, "FREQ=DAILY;BYHOUR=6;BYMINUTE=30"),
            "Every day at 06:30 (UTC)",
        ),
        (
            Schedule(ScheduleKind.RRULE, "DTSTART:20260105T093000Z\nRRULE:FREQ=HOURLY;INTERVAL=6"),
            "Every 6 hours, counted from 2026-01-05 09:30 (UTC)",
        ),
        (Schedule(ScheduleKind.RRULE, "FREQ=DAILY;COUNT=3"), "By RRule FREQ=DAILY;COUNT=3 (UTC)"),
        (Schedule(ScheduleKind.ASSETS, "orders and refunds"), "When orders and refunds is updated"),
        (Schedule(ScheduleKind.TIMETABLE, "AfterWorkday"), "By timetable AfterWorkday"),
        (Schedule(ScheduleKind.SENSOR, name="new_files"), "By sensor new_files"),
        (Schedule(ScheduleKind.ONCE), "Once"),
    ],
)
def test_a_schedule_reads_as_a_phrase(schedule: Schedule, words: str) -> None:
    assert describe_schedule(schedule) == words


@given(
    st.builds(
        Schedule,
        kind=st.sampled_from(ScheduleKind),
        expression=RULES,
        name=RULES,
        interval=st.one_of(st.none(), st.timedeltas()),
        is_active=st.booleans(),
    )
)
def test_any_schedule_has_words_and_an_inactive_one_says_so(schedule: Schedule) -> None:
    words = describe_schedule(schedule)
    assert words.strip()
    assert words.endswith("switched off") is not schedule.is_active


@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_a_rule_without_plain_words_is_shown_as_it_stands(rule: str) -> None:
    assert rule in describe_schedule(Schedule(ScheduleKind.TIMETABLE, rule))


def test_several_schedules_are_listed_and_none_is_said() -> None:
    hourly = Schedule(ScheduleKind.INTERVAL, interval=timedelta(hours=1))
    assert describe_schedules((hourly, hourly)) == "Every 1 h; Every 1 h"
    assert describe_schedules(()).startswith("No schedule")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.44, "0.4 s"),
        (59.6, "1 min"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (90_061, "1 d 1 h"),
        (-5, "-5 s"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, words: str) -> None:
    assert describe_duration(timedelta(seconds=seconds)) == words
