"""`meta-orch report`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from meta_orch.cli.common import config_option, open_store, output, progress
from meta_orch.config import load_config


@click.command()
@config_option
@click.option(
    "--period", type=click.Choice(["day", "week"]), default="day", help="The last one that is over."
)
@click.option(
    "--last-day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="Of an earlier one: the day, or the last of the seven, as 2026-11-25.",
)
@click.option("--until-now", is_flag=True, help="As long a time, up to now.")
@click.option("--to", "url", metavar="URL", help="A folder or URL, in place of `reports.url`.")
@click.option(
    "--print",
    "printed",
    type=click.Choice(["markdown", "json"]),
    help="Print it, and write nothing.",
)
def report(
    config_path: Path | None,
    period: str,
    last_day: datetime | None,
    url: str | None,
    printed: str | None,
    *,
    until_now: bool,
) -> None:
    """Make the report of the last day, or of the last seven, that are over.

    It tells what is worth acting on, with its evidence, how promises were kept, what ran when, what
    was wanted of which resource, and what it does not cover: one HTML page that needs nothing
    else, the same in Markdown, and in JSON.
    """
    from meta_orch.reports.collecting import collect_report
    from meta_orch.reports.model import Period
    from meta_orch.reports.publishing import publish
    from meta_orch.reports.refreshing import refresh_all
    from meta_orch.reports.rendering import to_json, to_markdown

    if last_day and until_now:
        raise click.UsageError("--last-day and --until-now exclude each other")
    config, now = load_config(config_path), datetime.now(UTC)
    store = open_store(config.store.path)
    refresh_all(store, config, now)
    with store.read() as reader:
        found = collect_report(
            reader,
            config,
            Period(period),
            now,
            until_now=until_now,
            last_day=last_day.date() if last_day else None,
        )
    if printed:
        click.echo(to_json(found) if printed == "json" else to_markdown(found), nl=False)
        return
    published = publish(found, url or config.reports.url)
    output(wide=True).print(published.html, soft_wrap=True)
    progress().print(f"{len(found.findings)} findings; also as Markdown and JSON", style="dim")
