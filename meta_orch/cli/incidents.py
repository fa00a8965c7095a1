"""`meta-orch incidents`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from meta_orch.cli.common import (
    acting_user,
    config_option,
    format_option,
    open_store,
    output,
    print_rows,
)
from meta_orch.cli.options import DURATION
from meta_orch.config import load_config
from meta_orch.domain.words import describe_duration

if TYPE_CHECKING:
    from meta_orch.domain.incidents import Incident
    from meta_orch.store import StoreWriter

_COLUMNS = ("incident", "severity", "state", "what", "since (UTC)", "took", "affects", "owner")
_by_option = click.option("--by", default=acting_user, help="Who.  [default: who types this]")
_number_argument = click.argument("number", metavar="INCIDENT", type=click.IntRange(1))


@click.group(invoke_without_command=True)
@config_option
@click.option(
    "--since", type=DURATION, default="1d", show_default=True, help="Also those resolved since."
)
@click.option("--all", "show_all", is_flag=True, help="All there ever were.")
@format_option
@click.pass_context
def incidents(
    ctx: click.Context,
    config_path: Path | None,
    since: timedelta,
    style: str,
    *,
    show_all: bool,
) -> None:
    """List what is wrong, and what was resolved lately: a row a cause, the last first."""
    if ctx.invoked_subcommand is not None:
        return
    config = load_config(config_path)
    now = datetime.now(UTC)
    with open_store(config.store.path).read() as reader:
        found = reader.alerting.incidents(None if show_all else now - since)
    print_rows(_COLUMNS, [_row(incident, now) for incident in found], style)


@incidents.command()
@_number_argument
@click.option("--html", "is_page", is_flag=True, help="As a page that needs nothing else.")
@config_option
def show(number: int, config_path: Path | None, *, is_page: bool) -> None:
    """Report on one INCIDENT: its cause with the evidence, what it affects, what happened when; in
    Markdown."""
    from meta_orch.alerts.handling import NoSuchIncident
    from meta_orch.reports.incidents.pages import incident_html, incident_markdown

    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        incident = reader.alerting.incident(number)
        if incident is None:
            raise NoSuchIncident(f"there is no incident {number}: see `meta-orch incidents`")
        alerts, timeline = reader.alerting.alerts_of(number), reader.alerting.timeline(number)
    page = incident_html if is_page else incident_markdown
    click.echo(page(incident, alerts, timeline), nl=False)


@incidents.command()
@_number_argument
@_by_option
@config_option
def ack(number: int, by: str, config_path: Path | None) -> None:
    """Acknowledge an INCIDENT: you work on it, and nobody is told again unless it grows."""
    from meta_orch.alerts.handling import acknowledge

    _change(config_path, lambda writer, now: acknowledge(writer, number, by, now))


@incidents.command()
@_number_argument
@click.argument("owner")
@_by_option
@config_option
def assign(number: int, owner: str, by: str, config_path: Path | None) -> None:
    """Give an INCIDENT to an OWNER."""
    from meta_orch.alerts.handling import assign as give

    _change(config_path, lambda writer, now: give(writer, number, owner, by, now))


@incidents.command()
@_number_argument
@click.argument("text")
@_by_option
@config_option
def note(number: int, text: str, by: str, config_path: Path | None) -> None:
    """Write a TEXT into the timeline of an INCIDENT."""
    from meta_orch.alerts.handling import note as write

    _change(config_path, lambda writer, now: write(writer, number, text, by, now))


@incidents.command()
@click.option(
    "--period",
    type=click.Choice(["day", "week"]),
    default="week",
    help="The last one that is over.",
)
@click.option("--until-now", is_flag=True, help="As long a time, up to now.")
@click.option("--to", "url", metavar="URL", help="A folder or URL, in place of `reports.url`.")
@click.option("--print", "is_printed", is_flag=True, help="Print it in Markdown; write nothing.")
@config_option
def report(
    period: str, url: str | None, config_path: Path | None, *, until_now: bool, is_printed: bool
) -> None:
    """Report on the incidents of a time: how many, how soon they were noticed and over, by
    orchestrator, team and cause."""
    from meta_orch.reports.incidents.publishing import make_incident_report, publish_incidents
    from meta_orch.reports.model import Period

    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        made = make_incident_report(
            reader, config, Period(period), datetime.now(UTC), until_now=until_now
        )
    if is_printed:
        click.echo(made.text, nl=False)
        return
    output(wide=True).print(publish_incidents(made, url or config.reports.url), soft_wrap=True)


def _change(config_path: Path | None, change: Callable[[StoreWriter, datetime], Incident]) -> None:
    config = load_config(config_path)
    with open_store(config.store.path).write() as writer:
        incident = change(writer, datetime.now(UTC))
    owner = f", {incident.owner}" if incident.owner else ""
    said = f"incident {incident.id}, {incident.title}: {incident.state.value}{owner}"
    output(wide=True).print(escape(said))


def _row(incident: Incident, now: datetime) -> tuple[object, ...]:
    took = incident.took if incident.took is not None else now - incident.began_at
    others = [subject for subject in incident.affected if subject != incident.cause.subject]
    return (
        incident.id,
        incident.severity.value,
        incident.state.value,
        f"{incident.title}: {incident.cause.summary}",
        f"{incident.began_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        describe_duration(took),
        ", ".join(others),
        incident.owner or "",
    )
