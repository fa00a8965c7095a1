"""What a report says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.config import MetaOrchConfig
from meta_orch.domain.states import RunState
from meta_orch.reports.collecting import collect_report, period_window
from meta_orch.reports.findings import ranked
from meta_orch.reports.model import Finding, FindingKind, NotOver, Period, Report
from meta_orch.store import CollectorStatus
from meta_orch_tests.reports.conftest import CONFIG, DAY, NOW, ORDERS, night
from meta_orch_tests.store.memory import MemoryStore


def titles(report: Report) -> dict[tuple[FindingKind, str], str]:
    return {(finding.kind, finding.subject): finding.title for finding in report.findings}


def test_it_is_of_the_last_day_or_the_last_seven_that_are_over(
    daily: Report, weekly: Report
) -> None:
    end = datetime(2026, 3, 20, tzinfo=UTC)
    assert (daily.window.start, daily.window.end, daily.name) == (
        end - DAY,
        end,
        "daily-2026-03-19",
    )
    assert (weekly.window.start, weekly.window.end) == (end - 7 * DAY, end)
    assert weekly.name == "weekly-2026-03-19"


def test_it_may_go_up_to_now(store: MemoryStore) -> None:
    with store.read() as reader:
        at = NOW - timedelta(hours=2)
        report = collect_report(reader, CONFIG, Period.DAY, at, until_now=True)
    assert (report.window.start, report.window.end) == (at - DAY, at)
    assert report.timeline is not None
    # Nothing ran in the rest of it.
    ended = NOW - DAY - timedelta(minutes=15)
    assert (report.timeline.window.start, report.timeline.window.end) == (at - DAY, ended)
    assert [len(line.days) for line in report.slas] == [2, 2]


def test_of_an_earlier_day_what_was_to_come_is_left_out(store: MemoryStore) -> None:
    with store.read() as reader:
        told = [
            collect_report(reader, CONFIG, Period.DAY, NOW, last_day=day)
            for day in (date(2026, 3, 18), date(2026, 3, 19))
        ]
    earlier, last = told
    assert (earlier.name, earlier.window.length) == ("daily-2026-03-18", DAY)
    assert {found.kind for found in earlier.findings} <= {found.kind for found in last.findings}
    to_come = {FindingKind.RISK, FindingKind.CRITICAL_TASK, FindingKind.STAGGERING}
    assert not to_come & {found.kind for found in earlier.findings}
    assert to_come & {found.kind for found in last.findings}
    assert (earlier.is_last, last.is_last) == (False, True)
    assert any("made after a later one" in said for said in earlier.not_covered)


def test_a_day_that_is_not_over_has_no_report(store: MemoryStore) -> None:
    with store.read() as reader, pytest.raises(NotOver, match=r"2026-03-20 .*UTC.* 2026-03-19"):
        collect_report(reader, CONFIG, Period.DAY, NOW, last_day=date(2026, 3, 20))


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 30), 23), ((2026, 10, 26), 25), ((2026, 6, 2), 24)]
)
def test_a_day_in_which_clocks_change_has_23_or_25_hours(
    day: tuple[int, int, int], hours: int
) -> None:
    now = datetime(*day, 6, tzinfo=UTC)
    window = period_window(Period.DAY, now, "Europe/Berlin")
    assert window.length == timedelta(hours=hours)


@given(
    st.integers(1_577_836_800, 1_893_456_000),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    st.sampled_from(Period),
)
def test_periods_are_over_and_follow_each_other(at: int, timezone: str, period: Period) -> None:
    now = datetime.fromtimestamp(at, UTC)
    window = period_window(period, now, timezone)
    assert window.end <= now < window.end + timedelta(hours=25)
    if period is Period.DAY:
        assert period_window(period, window.start, timezone).end == window.start


def test_what_is_worth_acting_on_is_found_with_its_evidence(weekly: Report) -> None:
    found = titles(weekly)
    assert found[FindingKind.SLA, "airflow/orders"] == "by_five was missed 2 of 7 times"
    assert found[FindingKind.FAILURES, "prefect/sync"] == "1 of 7 runs failed"
    assert found[FindingKind.CRITICAL_TASK, "airflow/orders"] == (
        "The task extract decides when it ends"
    )
    assert (FindingKind.STAGGERING, "dwh") in found
    (missed,) = [f for f in weekly.findings if f.kind is FindingKind.SLA and "orders" in f.subject]
    assert missed.evidence == "2 late. Most often: it took 30 min longer than usual."


def test_what_has_become_slower_is_told(store: MemoryStore) -> None:
    with store.write() as writer:
        from meta_orch.domain.readings import Changes

        runs = [night(ORDERS, NOW.replace(hour=4) - n * DAY, 80) for n in range(1, 6)]
        writer.save_changes("airflow", Changes("d", tuple(runs)), NOW)
    with store.read() as reader:
        report = collect_report(reader, CONFIG, Period.WEEK, NOW)
    assert titles(report)[FindingKind.SLOWER, "airflow/orders"] == (
        "Takes 30 min longer than in the period before"
    )


def test_findings_are_ordered_by_what_they_cost_and_no_more_than_asked_for() -> None:
    def finding(kind: FindingKind, hours: float) -> Finding:
        return Finding(kind, "x", "t", "e", "f", "a", "m", hours)

    chosen, left = ranked(
        [
            finding(FindingKind.OVERSIZED, 0),
            finding(FindingKind.RISK, 2),
            finding(FindingKind.SLA, 2),
            finding(FindingKind.FAILURES, 5),
        ],
        3,
    )
    assert [each.kind for each in chosen] == [
        *(FindingKind.FAILURES, FindingKind.SLA, FindingKind.RISK),
    ]
    assert left == 1


def test_the_figures_stand_beside_those_of_the_period_before(weekly: Report) -> None:
    figures = {number.label: (number.value, number.before) for number in weekly.numbers}
    assert figures["runs"] == ("21", "21")
    assert figures["failed"] == ("1", "0")
    assert figures["succeeded"] == ("95.2%", "100.0%")
    assert figures["SLAs met"] == ("11 of 14", None)


def test_each_sla_has_a_cell_for_each_day(weekly: Report) -> None:
    lines = {line.name: line for line in weekly.slas}
    assert lines["by_five"].days == (1, 1, 1, 1, 1, 0, 0)
    assert (lines["works"].met, lines["works"].missed) == (6, 1)
    assert [line.name for line in weekly.slas] == ["by_five", "works"]


def test_a_day_is_shown_with_what_decided_it(daily: Report) -> None:
    timeline = daily.timeline
    assert timeline is not None
    assert timeline.target == "prefect/report"
    assert timeline.path == ("airflow/orders", "prefect/report")
    marked = {lane.pipeline for lane in timeline.lanes if any(bar.is_critical for bar in lane.bars)}
    assert marked == {"orders", "report"}
    states = {bar.state for lane in timeline.lanes for bar in lane.bars}
    assert states == {RunState.SUCCEEDED.value, RunState.FAILED.value}


def test_what_is_shared_is_shown_before_what_has_no_capacity(weekly: Report) -> None:
    first, *others = weekly.demand
    assert (first.resource, max(first.wanted), first.capacity[0]) == ("dwh", 2, 1)
    assert [curve.kind for curve in others] == ["orchestrator", "queue", "orchestrator"]
    for curve in weekly.demand:
        assert curve.hours[0] == weekly.window.start.timestamp()
        assert curve.hours[-1] == weekly.window.end.timestamp() - 3600
        steps = {late - early for early, late in zip(curve.hours, curve.hours[1:], strict=False)}
        assert steps == {3600}


def test_what_is_not_covered_is_said(store: MemoryStore) -> None:
    with store.write() as writer:
        writer.save_collector(
            CollectorStatus("prefect", NOW, NOW - 2 * DAY, True, "it is down", "3", NOW)
        )
    with store.read() as reader:
        told = collect_report(reader, CONFIG, Period.DAY, NOW).not_covered
        bare = collect_report(reader, MetaOrchConfig(), Period.DAY, NOW)
    assert told == (
        "prefect was last read at 2026-03-18 06:00 UTC: what came after is not in here.",
    )
    assert [line.partition(":")[0] for line in bare.not_covered] == [
        "No SLA is written",
        "No shared resource is declared",
    ]


def test_a_company_in_which_nothing_ran_has_a_report_too() -> None:
    from meta_orch_tests.store.memory import fresh_store

    with fresh_store() as writer:
        report = collect_report(writer, CONFIG, Period.WEEK, NOW)
    assert report.timeline is None
    assert report.demand == ()
    assert report.findings == ()
    assert "airflow has not been read yet: nothing of it is in here." in report.not_covered
