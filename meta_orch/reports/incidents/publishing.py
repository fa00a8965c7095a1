"""The incident report of a time, made and written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from meta_orch.config import MetaOrchConfig
from meta_orch.reports.collecting import period_window
from meta_orch.reports.incidents.collecting import IncidentReport, collect_incidents
from meta_orch.reports.incidents.pages import report_html, report_markdown, report_title
from meta_orch.reports.model import Period
from meta_orch.reports.publishing import write_files
from meta_orch.store import StoreReader


@dataclass(frozen=True, slots=True)
class MadeReport:
    report: IncidentReport
    title: str
    name: str
    """Of its files: `incidents-2026-11-25`, by its last day."""
    html: str
    text: str
    """In Markdown."""


def make_incident_report(
    reader: StoreReader,
    config: MetaOrchConfig,
    period: Period,
    now: datetime,
    *,
    until_now: bool = False,
) -> MadeReport:
    """Of the last day, or the last seven, that are over; or of as long a time, up to now."""
    timezone = config.reports.timezone
    window = period_window(period, now, timezone, until_now=until_now)
    report = collect_incidents(reader, window, now)
    last = (window.end - timedelta(microseconds=1)).astimezone(ZoneInfo(timezone))
    return MadeReport(
        report,
        report_title(report, timezone),
        f"incidents-{last:%Y-%m-%d}",
        report_html(report, timezone),
        report_markdown(report, timezone),
    )


def publish_incidents(made: MadeReport, url: str) -> str:
    """Write its files below a URL, and the page once more as the latest.

    Returns:
        Where the page is.

    Raises:
        PublishingFailed: the place cannot be written to, or its package is not installed.
    """
    files = {
        f"{made.name}.html": made.html,
        f"{made.name}.md": made.text,
        "latest-incidents.html": made.html,
    }
    write_files(url, files)
    return f"{url}/{made.name}.html"
