"""The incident report, against a plain oracle."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from statistics import fmean, median

from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from meta_orch.domain.alerts import Alert, Condition, Severity
from meta_orch.domain.incidents import (
    Event,
    EventKind,
    Evidence,
    EvidenceKind,
    Incident,
    IncidentState,
    TrackedAlert,
)
from meta_orch.domain.time import Window
from meta_orch.reports.incidents.collecting import collect_incidents, figures
from meta_orch.reports.incidents.pages import (
    incident_html,
    incident_markdown,
    report_html,
    report_markdown,
)
from meta_orch.testing.builders import NOON
from meta_orch_tests.store.memory import fresh_store

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WEEK = Window(NOON, NOON + 7 * DAY)


def incident(number: int, began: datetime, took: timedelta | None, **labels: str) -> Incident:
    subject = labels.pop("subject", f"airflow/p{number}")
    cause = Alert(Condition.FAILED, subject, began, "failed: <b>", labels=labels)
    return Incident(
        number,
        IncidentState.OPEN if took is None else IncidentState.RESOLVED,
        cause,
        Severity.ERROR,
        began + MINUTE,
        began,
        affected=(subject, "prefect/late"),
        resolved_at=None if took is None else began + took,
        resolution=None if took is None else "all of it is well again",
        evidence=(Evidence(EvidenceKind.LOG, "load: KeyError"),),
    )


@given(
    st.lists(
        st.tuples(
            st.integers(-8 * 24, 8 * 24),
            st.none() | st.integers(1, 500),
            st.sampled_from(["data", "web"]),
        ),
        max_size=12,
    )
)
def test_its_figures_are_those_of_the_incidents_noticed_within_its_time(
    drawn: list[tuple[int, int | None, str]],
) -> None:
    incidents = [
        incident(
            n,
            NOON + hours * timedelta(hours=1),
            None if minutes is None else minutes * MINUTE,
            team=team,
        )
        for n, (hours, minutes, team) in enumerate(drawn, start=1)
    ]
    with fresh_store() as writer:
        writer.alerting.save_incidents(incidents)
        report = collect_incidents(writer, WEEK, WEEK.end)
    within = [i for i in incidents if i.opened_at in WEEK]
    took = [i.took.total_seconds() for i in within if i.took]
    assert report.all.count == len(within)
    assert report.all.open == sum(i.took is None for i in within)
    assert report.all.to_detect == (MINUTE if within else None)
    if took:
        assert report.all.to_recover == timedelta(seconds=fmean(took))
        assert report.all.median_to_recover == timedelta(seconds=median(took))
    else:
        assert report.all.to_recover is None
    before = Window(WEEK.start - 7 * DAY, WEEK.start)
    assert report.before.count == sum(i.opened_at in before for i in incidents)
    assert sum(each.count for each in report.by_team) == len(within)
    assert {each.name for each in report.by_team} == {i.cause.labels["team"] for i in within}


def test_what_turned_out_to_be_part_of_another_does_not_count() -> None:
    merged = replace(incident(1, NOON, MINUTE), resolution="it is part of incident 2")
    old = replace(incident(3, NOON, MINUTE), is_old=True)
    with fresh_store() as writer:
        writer.alerting.save_incidents([merged, old, incident(2, NOON, MINUTE)])
        report = collect_incidents(writer, WEEK, WEEK.end)
    assert [found.id for found in report.incidents] == [2]


def test_of_nothing_nothing_is_said() -> None:
    assert figures("all", []).to_detect is None


def whole() -> list[Incident]:
    return [
        incident(1, NOON, 40 * MINUTE, team="data", orchestrator="airflow", instance="airflow"),
        incident(2, NOON + DAY, None, orchestrator="prefect", instance="prefect"),
        incident(3, NOON + 2 * DAY, 5 * MINUTE, subject="airflow/p1", orchestrator="airflow"),
    ]


def test_it_reads_well_in_markdown(snapshot: SnapshotAssertion) -> None:
    with fresh_store() as writer:
        writer.alerting.save_incidents(whole())
        report = collect_incidents(writer, WEEK, WEEK.end)
    assert report_markdown(report, "Europe/Berlin") == snapshot
    page = report_html(report, "Europe/Berlin")
    assert "<b>" not in page.replace("<b>3</b>", "").partition("<h2>Incidents")[2]
    assert "src=" not in page, "it needs nothing else"


def test_one_incident_reads_well(snapshot: SnapshotAssertion) -> None:
    found = whole()[0]
    alerts = [TrackedAlert(found.cause, 1, NOON + MINUTE, ended_at=NOON + 40 * MINUTE)]
    timeline = [
        Event(1, NOON + MINUTE, EventKind.OPENED, "airflow/p1 failed"),
        Event(1, NOON + 2 * MINUTE, EventKind.ACKNOWLEDGED, "by ana | ben", "ana"),
    ]
    assert incident_markdown(found, alerts, timeline) == snapshot
    assert "failed: &lt;b&gt;" in incident_html(found, alerts, timeline)
