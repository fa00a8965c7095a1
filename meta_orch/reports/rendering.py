"""A report as a page that needs nothing else, as Markdown, and as JSON."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from meta_orch.reports.charts import Chart, demand_chart, sla_chart, timeline_chart
from meta_orch.reports.model import DemandCurve, Period, Report


@dataclass(frozen=True, slots=True)
class _Charts:
    slas: Chart | None
    timeline: Chart | None
    demand: list[tuple[DemandCurve, Chart]]


def to_html(report: Report) -> str:
    """One file, with its pictures in it."""
    zone = ZoneInfo(report.timezone)
    charts = _Charts(
        sla_chart(report.slas, report.window.start.astimezone(zone)) if report.slas else None,
        timeline_chart(report.timeline, report.timezone) if report.timeline else None,
        [(curve, demand_chart(curve, report.timezone)) for curve in report.demand],
    )
    return _templates().get_template("report.html.j2").render(charts=charts, **_words(report))


def to_markdown(report: Report) -> str:
    """For chats, mails and the Dagster UI; without pictures."""
    return _plain().get_template("report.md.j2").render(**_words(report)).rstrip() + "\n"


def to_json(report: Report) -> str:
    """Everything the report says, for programs. Instants are ISO 8601, or seconds since 1970 on
    timelines and curves."""
    return json.dumps(asdict(report), default=_plain_value, indent=2, ensure_ascii=False) + "\n"


def title(report: Report) -> str:
    kind = "Daily" if report.period is Period.DAY else "Weekly"
    return f"{kind} report on pipelines, {report.last_day}"


def _words(report: Report) -> dict[str, Any]:
    zone = ZoneInfo(report.timezone)
    start, end = (at.astimezone(zone) for at in (report.window.start, report.window.end))
    last = end - timedelta(microseconds=1)
    is_of_days = start.time() == end.time() == time()
    if not is_of_days:
        span = f"{start:%d %B %H:%M} to {end:%d %B %Y %H:%M} ({report.timezone})"
    elif report.period is Period.DAY:
        span = f"{start:%A, %d %B %Y} ({report.timezone})"
    else:
        span = f"{start:%d %B} to {last:%d %B %Y} ({report.timezone})"
    return {
        "report": report,
        "title": title(report),
        "span": span,
        "day": f"{last:%A, %d %B}" if is_of_days else "The last 24 hours",
        "made_at": f"{report.made_at.astimezone(zone):%Y-%m-%d %H:%M}",
    }


def _data_url(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _commands(text: str) -> Markup:
    """With the command at its end set as code."""
    before, command, rest = text.partition("meta-orch ")
    return escape(before) + (Markup("<code>{}</code>").format(command + rest) if rest else "")


def _cell(text: str) -> str:
    """On one line, and within a table's cell."""
    return " ".join(text.replace("|", "\\|").split())


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON")


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("meta_orch.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"data_url": _data_url, "commands": _commands}
    return templates


@cache
def _plain() -> Environment:
    templates = Environment(  # noqa: S701  # Markdown, not HTML
        loader=PackageLoader("meta_orch.reports"), undefined=StrictUndefined
    )
    templates.filters |= {"cell": _cell}
    return templates
