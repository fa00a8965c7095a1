"""`meta-orch silence`."""

from __future__ import annotations

from dataclasses import replace
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

if TYPE_CHECKING:
    from meta_orch.domain.incidents import Silence

_COLUMNS = ("silence", "matchers", "from (UTC)", "until (UTC)", "author", "why")


@click.group()
def silence() -> None:
    """Have nobody told of some alerts, for a time."""


@silence.command()
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...")
@click.option("--for", "lasts", type=DURATION, required=True, help="How long: 30m, 2h, 7d.")
@click.option(
    "--starts",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="When it begins, in UTC.  [default: now]",
)
@click.option("--comment", required=True, help="Why, for those who wonder.")
@click.option("--author", default=acting_user, help="Who.  [default: who types this]")
@config_option
def add(
    matchers: tuple[str, ...],
    config_path: Path | None,
    *,
    lasts: timedelta,
    starts: datetime | None,
    comment: str,
    author: str,
) -> None:
    """Silence what all MATCHERs match, as Alertmanager's amtool has them:

    meta-orch silence add 'pipeline="airflow/orders"' 'severity!="critical"' --for 2h --comment ...
    """
    from meta_orch.config.selecting import read_matcher
    from meta_orch.domain.incidents import Silence

    config = load_config(config_path)
    try:
        read = tuple(str(read_matcher(text)) for text in matchers)
    except ValueError as error:
        raise click.BadParameter(f"{matchers!r}: {error}") from None
    begins = starts.replace(tzinfo=UTC) if starts else datetime.now(UTC)
    wanted = Silence(0, read, begins, begins + lasts, author, comment)
    with open_store(config.store.path).write() as writer:
        kept = writer.alerting.add_silence(wanted)
    output(wide=True).print(escape(f"silence {kept.id} until {_at(kept.ends_at)} UTC"))


@silence.command("list")
@click.option("--all", "show_all", is_flag=True, help="Also those that are over.")
@config_option
@format_option
def list_(config_path: Path | None, style: str, *, show_all: bool) -> None:
    """List the silences that are not over."""
    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        found = reader.alerting.silences(None if show_all else datetime.now(UTC))
    print_rows(_COLUMNS, [_row(silence) for silence in found], style)


@silence.command()
@click.argument("number", metavar="SILENCE", type=click.IntRange(1))
@config_option
def expire(number: int, config_path: Path | None) -> None:
    """End a SILENCE now."""
    config, now = load_config(config_path), datetime.now(UTC)
    with open_store(config.store.path).write() as writer:
        found = next((s for s in writer.alerting.silences(now) if s.id == number), None)
        if found is None:
            raise click.BadParameter(
                f"no silence {number} goes on: see `meta-orch silence list`",
                param_hint="SILENCE",
            )
        writer.alerting.save_silence(replace(found, ends_at=max(now, found.starts_at)))
    output().print(f"silence {number} is over")


def _row(silence: Silence) -> tuple[object, ...]:
    return (
        silence.id,
        ", ".join(silence.matchers),
        _at(silence.starts_at),
        _at(silence.ends_at),
        silence.author,
        silence.comment,
    )


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
