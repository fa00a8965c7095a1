"""When schedules tick, over time zones and the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.ticks import cron, has_ticks, last_tick, next_tick, tick_before, ticks
from meta_orch.domain.time import Window

BERLIN = "Europe/Berlin"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def every(interval: timedelta, anchor: str, timezone: str = "UTC") -> Schedule:
    return Schedule(ScheduleKind.INTERVAL, interval=interval, anchor=at(anchor), timezone=timezone)


def rrule(text: str, timezone: str = "UTC") -> Schedule:
    return Schedule(ScheduleKind.RRULE, text, timezone=timezone)


def days(schedule: Schedule, start: str, end: str) -> list[str]:
    """Ticks as local times."""
    zone = ZoneInfo(schedule.timezone)
    found = ticks([schedule], Window(at(start), at(end)))
    return [f"{tick.astimezone(zone):%m-%d %H:%M %z}" for tick in found]


def test_a_daily_cron_keeps_to_the_local_clock_when_the_clocks_change() -> None:
    assert days(cron("0 6 * * *", BERLIN), "2026-03-28T00:00+01:00", "2026-03-30T23:00+02:00") == [
        "03-28 06:00 +0100",
        "03-29 06:00 +0200",
        "03-30 06:00 +0200",
    ]


def test_an_hourly_cron_ticks_25_times_on_the_day_that_has_25_hours() -> None:
    window = Window(at("2026-10-24T23:59:59+02:00"), at("2026-10-25T23:59:59+01:00"))
    assert len(ticks([cron("0 * * * *", BERLIN)], window)) == 25
    spring = Window(at("2026-03-28T23:59:59+01:00"), at("2026-03-29T23:59:59+02:00"))
    assert len(ticks([cron("0 * * * *", BERLIN)], spring)) == 23


def test_a_window_has_its_end_and_not_its_start() -> None:
    daily = cron("0 0 * * *")
    window = Window(at("2026-01-01T00:00Z"), at("2026-01-02T00:00Z"))
    assert ticks([daily], window) == (window.end,)


def test_several_rules_tick_together_and_those_that_are_off_do_not() -> None:
    from dataclasses import replace

    window = Window(at("2026-01-01T00:00Z"), at("2026-01-01T12:00Z"))
    rules = [cron("0 3 * * *"), cron("0 6 * * *"), replace(cron("0 9 * * *"), is_active=False)]
    assert ticks(rules, window) == (at("2026-01-01T03:00Z"), at("2026-01-01T06:00Z"))


def test_an_interval_of_days_keeps_to_the_local_clock_and_one_of_hours_to_the_time() -> None:
    daily = every(DAY, "2026-03-01T06:00+01:00", BERLIN)
    assert days(daily, "2026-03-28T12:00+01:00", "2026-03-30T00:00+02:00") == ["03-29 06:00 +0200"]
    hourly = every(12 * HOUR, "2026-03-28T06:00+01:00", BERLIN)
    assert days(hourly, "2026-03-28T07:00+01:00", "2026-03-29T08:00+02:00") == [
        "03-28 18:00 +0100",
        "03-29 07:00 +0200",
    ]


def test_the_last_tick_of_an_interval_of_days_is_found_after_the_clocks_went_forward() -> None:
    """At six by the clock, which is an hour earlier than when it was first counted."""
    daily = every(DAY, "2026-03-01T06:00+01:00", BERLIN)
    assert last_tick([daily], at("2026-06-01T06:30+02:00")) == at("2026-06-01T06:00+02:00")


def test_an_rrule_ticks_by_the_local_clock() -> None:
    weekdays = rrule("FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=7;BYMINUTE=45;BYSECOND=0", BERLIN)
    assert days(weekdays, "2026-03-26T00:00+01:00", "2026-03-31T00:00+02:00") == [
        "03-27 07:45 +0100",
        "03-30 07:45 +0200",
    ]
    assert last_tick([weekdays], at("2026-03-30T07:45+02:00")) == at("2026-03-30T07:45+02:00")
    assert tick_before([weekdays], at("2026-03-30T07:45+02:00")) == at("2026-03-27T07:45+01:00")


def test_an_rrule_with_a_start_of_its_own_is_counted_from_it() -> None:
    twice = rrule("DTSTART:20260101T050000\nRRULE:FREQ=DAILY;COUNT=2")
    assert days(twice, "2025-12-01T00:00Z", "2026-12-01T00:00Z") == [
        "01-01 05:00 +0000",
        "01-02 05:00 +0000",
    ]
    assert next_tick([twice], at("2026-01-02T05:00Z")) is None


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(ScheduleKind.TIMETABLE, "after work"),
        Schedule(ScheduleKind.ASSETS, "orders"),
        Schedule(ScheduleKind.SENSOR),
        Schedule(ScheduleKind.ONCE),
        cron("@once"),
        cron("every day"),
        cron(""),
        cron("0 0 31 2 *"),
        Schedule(ScheduleKind.INTERVAL, interval=HOUR),
        rrule("FREQ=SOMETIMES"),
        rrule(""),
    ],
)
def test_a_rule_that_only_its_orchestrator_can_evaluate_has_no_ticks(schedule: Schedule) -> None:
    assert not has_ticks([schedule])
    assert ticks([schedule], Window(at("2026-01-01T00:00Z"), at("2026-02-01T00:00Z"))) == ()
    assert next_tick([schedule], at("2026-01-01T00:00Z")) is None
    assert last_tick([schedule], at("2026-01-01T00:00Z")) is None


def test_presets_and_a_zone_that_nobody_knows_are_understood() -> None:
    assert next_tick([cron("@daily")], at("2026-01-01T05:00Z")) == at("2026-01-02T00:00Z")
    assert next_tick([cron("0 6 * * *", "Mars/Base")], at("2026-01-01T05:00Z")) == at(
        "2026-01-01T06:00Z"
    )


any_time = st.datetimes(
    min_value=datetime(2024, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
_CHANGES = [
    at("2026-03-29T01:00Z"),  # Berlin
    at("2026-10-25T01:00Z"),
    at("2026-04-04T15:00Z"),  # Lord Howe Island, by half an hour
    at("2026-10-03T15:30Z"),
]
near_a_change = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes),
    st.sampled_from(_CHANGES),
    st.integers(-180, 180),
)
instants = any_time | near_a_change
zones = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
schedules = st.one_of(
    st.builds(
        cron,
        st.builds("{} {} * * *".format, st.integers(0, 59), st.integers(0, 23))
        | st.builds("{} * * * *".format, st.integers(0, 59))
        | st.builds(
            "{} {} * * {}".format, st.integers(0, 59), st.integers(0, 23), st.integers(0, 6)
        ),
        zones,
    ),
    st.builds(
        lambda hours, anchor, zone: Schedule(
            ScheduleKind.INTERVAL, interval=hours * HOUR, anchor=anchor, timezone=zone
        ),
        st.integers(1, 72),
        instants,
        zones,
    ),
    st.builds(
        rrule,
        st.builds(
            "FREQ=DAILY;BYHOUR={};BYMINUTE={};BYSECOND=0".format,
            st.integers(0, 23),
            st.integers(0, 59),
        ),
        zones,
    ),
)


@given(schedules, instants)
def test_between_the_last_tick_and_the_next_there_is_none(rule: Schedule, now: datetime) -> None:
    last, after = last_tick([rule], now), next_tick([rule], now)
    assert last is not None
    assert after is not None
    assert last <= now < after
    assert ticks([rule], Window(last, after)) == (after,)
    assert next_tick([rule], last) == after
    assert tick_before([rule], after) == last
    assert last_tick([rule], last) == last


@given(st.integers(0, 59), zones, near_a_change)
def test_an_hourly_rule_ticks_whenever_the_clock_shows_its_minute(
    minute: int, timezone: str, start: datetime
) -> None:
    zone = ZoneInfo(timezone)
    passed = [start + timedelta(minutes=number) for number in range(1, 361)]
    rule = cron(f"{minute} * * * *", timezone)
    shown = [tick for tick in passed if tick.astimezone(zone).minute == minute]
    assert list(ticks([rule], Window(start, passed[-1]))) == shown
    assert [tick for tick in passed if last_tick([rule], tick) == tick] == shown


@given(schedules, instants, st.integers(1, 10), st.integers(1, 10))
def test_windows_that_meet_have_the_ticks_of_the_whole(
    rule: Schedule, start: datetime, first: int, second: int
) -> None:
    middle, end = start + first * DAY / 3, start + (first + second) * DAY / 3
    parts = [*ticks([rule], Window(start, middle)), *ticks([rule], Window(middle, end))]
    assert parts == list(ticks([rule], Window(start, end)))
