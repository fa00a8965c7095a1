"""`meta-orch sla`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click
import yaml

from meta_orch.cli.common import config_option, format_option, open_store, print_rows
from meta_orch.config import load_config
from meta_orch.domain.words import describe_duration

if TYPE_CHECKING:
    from meta_orch.analytics.slas.promises import Promise


@click.group(invoke_without_command=True)
@config_option
@click.option("--only", "name", metavar="NAME", help="Only the one of that name.")
@click.option("--misses", is_flag=True, help="List each time that it was missed, and why.")
@format_option
@click.pass_context
def sla(
    ctx: click.Context, config_path: Path | None, name: str | None, style: str, *, misses: bool
) -> None:
    """How pipelines keep their SLAs in meta_orch.yaml.

    `budget` is how many more misses there may be; `trend` the share of the later half of the window
    less that of the earlier one; `streak` how many times in a row it was met, or as a negative
    number missed.
    """
    if ctx.invoked_subcommand is not None:
        return
    from meta_orch.analytics.slas.promises import kept_promises

    config = load_config(config_path)
    chosen = [sla for sla in config.slas if name in {None, sla.name}]
    if not chosen:
        names = ", ".join(sla.name for sla in config.slas)
        none = "there are none: write some under `slas`, or see `meta-orch sla suggest`"
        meant = f"write one of: {names}" if names else none
        raise click.ClickException(f"no SLA is called {name}; {meant}" if name else meant)
    with open_store(config.store.path).read() as reader:
        promises = kept_promises(reader, chosen, datetime.now(UTC))
    if misses:
        by = "by" if style == "table" else "by_seconds"
        columns = ("sla", "pipeline", "deadline or end", "is", by, "run", "why")
        found = [row for promise in promises for row in _misses(promise, style)]
        print_rows(columns, found, style)
    else:
        columns = (
            *("sla", "pipeline", "share", "target", "met", "missed", "budget", "streak", "trend"),
            "last",
        )
        print_rows(columns, [_row(promise) for promise in promises], style)


@sla.command()
@config_option
@click.option("--pipelines", default="*", metavar="GLOB", help="Only for these.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, help="How far back to look.")
@click.option("--target", type=click.FloatRange(0.5, 1), default=0.95, help="The share to keep.")
@click.option("--least", type=click.IntRange(2), default=10, help="Successful runs it takes.")
def suggest(
    config_path: Path | None,
    pipelines: str,
    days: int,
    target: float,
    least: int,
) -> None:
    """Propose SLAs from history, for pipelines that no SLA names, to copy into meta_orch.yaml.

    What runs at a time of day is given a deadline, whatever else a duration; each says the share
    that it would have had.
    """
    from meta_orch.analytics.slas.promises import unpromised
    from meta_orch.analytics.slas.suggestions import suggest_sla

    config, now = load_config(config_path), datetime.now(UTC)
    window = timedelta(days=days)
    with open_store(config.store.path).read() as reader:
        found = [
            suggestion
            for pipeline, runs in unpromised(reader, config.slas, now - window)
            if fnmatchcase(str(pipeline.key), pipelines)
            and (
                suggestion := suggest_sla(
                    pipeline, runs, now, window=window, target=target, least=least
                )
            )
        ]
    if not found:
        raise click.ClickException(
            f"no pipeline without an SLA had {least} successful runs in {days} days that keep to a "
            f"time {target:.0%} of the times"
        )
    click.echo("slas:")
    for each in found:
        kept = each.attainment
        section = each.sla.model_dump(mode="json", exclude_unset=True)
        click.echo(f"  # met {kept.met} of {kept.met + kept.missed} times ({kept.share:.1%})")
        click.echo(indent(yaml.safe_dump([section], sort_keys=False), "  "), nl=False)


def _row(promise: Promise) -> Sequence[Any]:
    found = promise.attainment
    last = found.outcomes[-1].verdict.value if found.outcomes else ""
    return (
        promise.sla.name,
        str(promise.pipeline),
        None if found.share is None else round(found.share, 4),
        found.target,
        found.met,
        found.missed,
        round(found.budget, 2),
        found.streak,
        None if found.trend is None else round(found.trend, 2),
        last,
    )


def _misses(promise: Promise, style: str) -> list[Sequence[Any]]:
    from meta_orch.analytics.slas.causes import cause

    return [
        (
            promise.sla.name,
            str(promise.pipeline),
            outcome.at,
            outcome.verdict.value,
            describe_duration(outcome.over) if outcome.over and style == "table" else outcome.over,
            outcome.run.key.run_id if outcome.run else None,
            cause(outcome, promise.usual),
        )
        for outcome in promise.attainment.outcomes
        if outcome.verdict.is_miss
    ]
