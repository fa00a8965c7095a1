"""`meta-orch sla`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meta_orch.cli.common import config_option, format_option, open_store, print_rows
from meta_orch.config import load_config
from meta_orch.domain.words import describe_duration

if TYPE_CHECKING:
    from meta_orch.analytics.promises import Promise


@click.command()
@click.argument("name", required=False)
@config_option
@click.option("--misses", is_flag=True, help="List each time that it was missed, and why.")
@format_option
def sla(name: str | None, config_path: Path | None, style: str, *, misses: bool) -> None:
    """How pipelines keep their SLAs: the one of that NAME, or all in meta_orch.yaml.

    `budget` is how many more misses there may be; `trend` the share of the later half of the window
    less that of the earlier one; `streak` how many times in a row it was met, or as a negative
    number missed.
    """
    from meta_orch.analytics.promises import kept_promises

    config = load_config(config_path)
    chosen = [sla for sla in config.slas if name in {None, sla.name}]
    if not chosen:
        names = ", ".join(sla.name for sla in config.slas)
        meant = f"write one of: {names}" if names else "there are none: write some under `slas`"
        raise click.ClickException(f"no SLA is called {name}; {meant}" if name else meant)
    with open_store(config.store.path).read() as reader:
        promises = kept_promises(reader, chosen, datetime.now(UTC))
    if misses:
        by = "by" if style == "table" else "by_seconds"
        columns = ("sla", "pipeline", "deadline or end", "is", by, "run")
        found = [row for promise in promises for row in _misses(promise, style)]
        print_rows(columns, found, style)
    else:
        columns = (
            *("sla", "pipeline", "share", "target", "met", "missed", "budget", "streak", "trend"),
            "last",
        )
        print_rows(columns, [_row(promise) for promise in promises], style)


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
    return [
        (
            promise.sla.name,
            str(promise.pipeline),
            outcome.at,
            outcome.verdict.value,
            describe_duration(outcome.over) if outcome.over and style == "table" else outcome.over,
            outcome.run.key.run_id if outcome.run else None,
        )
        for outcome in promise.attainment.outcomes
        if outcome.verdict.is_miss
    ]
