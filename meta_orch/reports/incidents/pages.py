"""Incidents as Markdown and as pages that need nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from meta_orch.domain.incidents import Event, Incident, TrackedAlert
from meta_orch.domain.words import describe_duration
from meta_orch.reports.incidents.collecting import IncidentReport

_BREAKDOWNS = (
    ("By orchestrator", "by_orchestrator"),
    ("By instance", "by_instance"),
    ("By team", "by_team"),
    ("By what was wrong", "by_condition"),
    ("What recurred", "by_cause"),
)


def incident_markdown(
    incident: Incident, alerts: Sequence[TrackedAlert], timeline: Sequence[Event]
) -> str:
    """One incident: its cause and evidence, what it affects, what happened when (UTC)."""
    return _render("incident.md.j2", _of_incident(incident, alerts, timeline))


def incident_html(
    incident: Incident, alerts: Sequence[TrackedAlert], timeline: Sequence[Event]
) -> str:
    """The same as a page."""
    return _render("incident.html.j2", _of_incident(incident, alerts, timeline))


def report_title(report: IncidentReport, timezone: str) -> str:
    zone = ZoneInfo(timezone)
    last = (report.window.end - timedelta(microseconds=1)).astimezone(zone)
    first = report.window.start.astimezone(zone)
    if first.date() == last.date():
        return f"Incidents of {last:%d %B %Y}"
    return f"Incidents from {first:%d %B} to {last:%d %B %Y}"


def report_markdown(report: IncidentReport, timezone: str) -> str:
    return _render("incidents.md.j2", _of_report(report, timezone))


def report_html(report: IncidentReport, timezone: str) -> str:
    return _render("incidents.html.j2", _of_report(report, timezone))


def _of_incident(
    incident: Incident, alerts: Sequence[TrackedAlert], timeline: Sequence[Event]
) -> dict[str, Any]:
    return {
        "incident": incident,
        "title": f"Incident {incident.id}: {incident.title}",
        "alerts": alerts,
        "timeline": timeline,
    }


def _of_report(report: IncidentReport, timezone: str) -> dict[str, Any]:
    return {
        "report": report,
        "title": report_title(report, timezone),
        "zone": timezone,
        "breakdowns": [
            (heading, found) for heading, key in _BREAKDOWNS if (found := getattr(report, key))
        ],
    }


def _render(name: str, values: dict[str, Any]) -> str:
    return _environment(is_page=name.endswith(".html.j2")).get_template(name).render(values)


@cache
def _environment(*, is_page: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("meta_orch.reports"),
        autoescape=is_page,  # noqa: S701  # Markdown is no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell, "took": _took, "at": _at, "others": _others}
    return environment


def _cell(value: object) -> str:
    """On one line, and within a table's cell."""
    return " ".join(str(value).replace("|", "\\|").split())


def _took(duration: timedelta | None) -> str:
    return "" if duration is None else describe_duration(max(duration, timedelta()))


def _at(instant: datetime | None, timezone: str = "UTC") -> str:
    if instant is None:
        return ""
    return f"{instant.astimezone(UTC if timezone == 'UTC' else ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def _others(incident: Incident, most: int = 5) -> str:
    others: Iterable[str] = [s for s in incident.affected if s != incident.cause.subject]
    others = list(others)
    more = f" and {len(others) - most} more" if len(others) > most else ""
    return ", ".join(others[:most]) + more
