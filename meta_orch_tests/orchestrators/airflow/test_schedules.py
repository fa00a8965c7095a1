"""Timetables, from what Airflow writes of them. The summaries are those of Airflow 3.3.2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.orchestrators.airflow.schedules import (
    contradicts,
    describe_condition,
    find_zones,
    read_schedules,
    with_next_run,
)
from meta_orch.orchestrators.answers import Fields, UnreadableJson

ORDERS = {"asset": {"name": "orders", "uri": "s3://lake/orders", "group": "asset", "id": 1}}
PRICES = {"asset": {"name": "prices", "uri": "s3://lake/prices", "group": "asset", "id": 2}}


def details(summary: str | None, **fields: Any) -> Fields:
    return Fields(
        {
            "timetable_summary": summary,
            "timezone": "UTC",
            "asset_expression": None,
            "is_paused": False,
            "next_dagrun_run_after": None,
            **fields,
        },
        "a DAG",
    )


def read(
    summary: str | None, source: str = "", last_tick: datetime | None = None, **fields: Any
) -> tuple[Schedule, ...]:
    return read_schedules(details(summary, **fields), lambda: last_tick, lambda: source)


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("0 5 * * *", Schedule(ScheduleKind.CRON, "0 5 * * *")),
        ("*/15 8-18 * * MON-FRI", Schedule(ScheduleKind.CRON, "*/15 8-18 * * MON-FRI")),
        ("30 6 L * 5#2", Schedule(ScheduleKind.CRON, "30 6 L * 5#2")),
        ("1:30:00", Schedule(ScheduleKind.INTERVAL, interval=timedelta(minutes=90))),
        ("1 day, 0:00:00", Schedule(ScheduleKind.INTERVAL, interval=timedelta(days=1))),
        ("14 days, 2:00:00", Schedule(ScheduleKind.INTERVAL, interval=timedelta(days=14, hours=2))),
        ("@once", Schedule(ScheduleKind.ONCE)),
        ("@continuous", Schedule(ScheduleKind.CONTINUOUS)),
        ("Fiscal days", Schedule(ScheduleKind.TIMETABLE, "Fiscal days")),
        (
            "relativedelta(months=+1)",
            Schedule(ScheduleKind.TIMETABLE, "relativedelta(months=+1)"),
        ),
        (
            "after the market has closed",
            Schedule(ScheduleKind.TIMETABLE, "after the market has closed"),
        ),
    ],
)
def test_each_kind_of_timetable_is_one_schedule(summary: str, expected: Schedule) -> None:
    assert read(summary) == (expected,)


def test_no_timetable_is_no_schedule() -> None:
    assert read(None) == ()


def test_several_cron_expressions_are_several_schedules_and_the_next_run_is_that_of_one() -> None:
    assert read("0 1 * * *, 30 2 * * *", next_dagrun_run_after="2026-03-01T02:30:00Z") == (
        Schedule(ScheduleKind.CRON, "0 1 * * *"),
        Schedule(
            ScheduleKind.CRON,
            "30 2 * * *",
            next_at=datetime(2026, 3, 1, 2, 30, tzinfo=UTC),
        ),
    )


def test_assets_or_a_time_are_two_schedules() -> None:
    assert read(
        "Asset or 0 3 * * *",
        asset_expression={"all": [ORDERS]},
        next_dagrun_run_after="2026-03-01T03:00:00Z",
    ) == (
        Schedule(ScheduleKind.ASSETS, "orders"),
        Schedule(ScheduleKind.CRON, "0 3 * * *", next_at=datetime(2026, 3, 1, 3, tzinfo=UTC)),
    )


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"all": [ORDERS]}, "orders"),
        ({"all": [ORDERS, PRICES]}, "orders and prices"),
        ({"any": [{"all": [ORDERS, PRICES]}, PRICES]}, "(orders and prices) or prices"),
        ({"any": [{"all": [ORDERS]}, PRICES]}, "orders or prices"),
        ({"alias": {"name": "today", "group": ""}}, "alias today"),
        ({"asset_ref": {"uri": "s3://lake/late"}}, "s3://lake/late"),
    ],
)
def test_an_asset_condition_is_given_in_words(condition: dict[str, Any], words: str) -> None:
    assert describe_condition(Fields(condition, "a condition")) == words


def test_an_asset_condition_of_another_form_is_an_error_that_names_it() -> None:
    with pytest.raises(UnreadableJson, match="a condition has none of any, all"):
        describe_condition(Fields({"none_of": []}, "a condition"))


# The time zone, which Airflow does not tell.

AT_FIVE_IN_BERLIN = "2026-01-05T04:00:00Z"
"""Winter: Berlin is an hour ahead."""


def test_a_cron_expression_that_fits_the_next_run_is_in_the_default_zone() -> None:
    (schedule,) = read("0 5 * * *", "'Europe/Berlin'", next_dagrun_run_after="2026-01-05T05:00:00Z")
    assert schedule.timezone == "UTC"


def test_one_that_does_not_fit_is_in_a_zone_that_the_source_names() -> None:
    source = 'pendulum.datetime(2026, 1, 1, tz="Asia/Tokyo"); ZoneInfo("Europe/Berlin")'
    (schedule,) = read("0 5 * * *", source, next_dagrun_run_after=AT_FIVE_IN_BERLIN)
    assert (schedule.kind, schedule.timezone) == (ScheduleKind.CRON, "Europe/Berlin")
    assert schedule.next_at == datetime(2026, 1, 5, 4, tzinfo=UTC)


def test_one_whose_zone_is_nowhere_to_be_found_is_not_given_at_the_wrong_hour() -> None:
    (schedule,) = read("0 5 * * *", "", next_dagrun_run_after=AT_FIVE_IN_BERLIN)
    assert schedule == Schedule(
        ScheduleKind.TIMETABLE,
        "0 5 * * *, in a time zone that Airflow does not tell",
        next_at=datetime(2026, 1, 5, 4, tzinfo=UTC),
    )


def test_where_no_next_run_is_stated_the_last_tick_tells_the_zone() -> None:
    last_tick = datetime(2026, 1, 5, 4, tzinfo=UTC)
    (schedule,) = read("0 5 * * *", "'Europe/Berlin'", last_tick)
    assert (schedule.timezone, schedule.next_at) == ("Europe/Berlin", None)
    (schedule,) = read("0 5 * * *", "", last_tick)
    assert schedule.kind is ScheduleKind.TIMETABLE


def test_the_source_is_not_read_where_nothing_is_in_doubt() -> None:
    def refuse() -> str:
        raise AssertionError("read")

    for summary in ("0 5 * * *", "@once", "1:00:00", None):
        read_schedules(details(summary), lambda: None, refuse)


def test_a_kept_schedule_is_in_doubt_again_when_the_clocks_change() -> None:
    """London reads as UTC all winter; the first run of summer tells them apart."""
    kept = (Schedule(ScheduleKind.CRON, "0 5 * * *"),)
    assert not contradicts(kept, details(None, next_dagrun_run_after="2026-03-28T05:00:00Z"))
    assert contradicts(kept, details(None, next_dagrun_run_after="2026-03-29T04:00:00Z"))


def test_an_hourly_schedule_fits_at_every_hour() -> None:
    (schedule,) = read("0 * * * *", next_dagrun_run_after=AT_FIVE_IN_BERLIN)
    assert schedule.kind is ScheduleKind.CRON


@pytest.mark.parametrize("field", ["5", "4,5", "3-6", "1/2", "*/5", "22-5", "*"])
def test_each_form_of_an_hour_is_understood(field: str) -> None:
    (schedule,) = read(f"0 {field} * * *", next_dagrun_run_after="2026-01-05T05:00:00Z")
    assert schedule.next_at is not None
    (other,) = read(f"1 {field} * * *", next_dagrun_run_after="2026-01-05T05:00:00Z")
    assert other.kind is ScheduleKind.TIMETABLE


def test_zones_are_found_among_other_texts() -> None:
    source = """ "s3://a/b" 'Europe/Berlin' "not/azone" "America/Argentina/Ushuaia" "Etc/GMT+1" """
    assert find_zones(source) == ("Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+1")


def test_a_paused_dag_has_no_next_run() -> None:
    kept = (Schedule(ScheduleKind.CRON, "0 5 * * *", next_at=datetime(2026, 1, 1, tzinfo=UTC)),)
    paused = details(None, is_paused=True, next_dagrun_run_after="2026-01-05T05:00:00Z")
    assert with_next_run(kept, paused)[0].next_at is None
