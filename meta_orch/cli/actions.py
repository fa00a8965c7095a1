"""`meta-orch actions`, `holds` and `undo`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.markup import escape

from meta_orch.cli.assets import known_asset
from meta_orch.cli.common import (
    acting_user,
    config_option,
    format_option,
    open_store,
    output,
    print_rows,
)
from meta_orch.config import load_config
from meta_orch.domain.pipelines import PipelineKey

_ACTION_COLUMNS = (
    *("id", "at (UTC)", "what", "pipeline", "outcome", "by", "through", "before", "after", "why"),
    "message",
)
_HOLD_COLUMNS = ("pipeline", "state", "due (UTC)", "since (UTC)", "at most until (UTC)", "why")


@click.command()
@config_option
@click.option("--of", "asset", metavar="PIPELINE", help="Only those on this one.")
@click.option("--last", "most", type=click.IntRange(1), default=50, show_default=True)
@format_option
def actions(config_path: Path | None, asset: str | None, most: int, style: str) -> None:
    """List what was done to orchestrators, the last first: what, on what, why, for whom, and what
    came of it; and what a dry run would have done."""
    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        key = _key(known_asset(asset, reader)) if asset else None
        found = reader.actions(key, most=most)
    rows = [
        (
            action.id,
            _at(action.at),
            action.kind.value,
            str(action.pipeline),
            action.outcome.value,
            action.by,
            action.through,
            action.before or "",
            action.after or "",
            action.reason,
            action.message or "",
        )
        for action in found
    ]
    print_rows(_ACTION_COLUMNS, rows, style)


@click.command()
@config_option
@click.option("--all", "show_all", is_flag=True, help="Also the last one of each that has ended.")
@format_option
def holds(config_path: Path | None, show_all: bool, style: str) -> None:
    """List the pipelines that are kept from running now, until their upstreams are ready."""
    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        found = reader.last_holds().values()
    rows = [
        (
            str(hold.pipeline),
            f"{hold.state.value}{' (dry run)' if hold.is_dry_run else ''}",
            _at(hold.due_at),
            _at(hold.begun_at),
            _at(hold.expires_at),
            hold.ended_because or hold.reason,
        )
        for hold in found
        if show_all or hold.state.is_open
    ]
    print_rows(_HOLD_COLUMNS, rows, style)


@click.command()
@click.argument("action_id", metavar="ACTION")
@config_option
@click.option("--reason", required=True, help="Why, for those who come later.")
def undo(action_id: str, config_path: Path | None, reason: str) -> None:
    """Take back the ACTION of that id (`meta-orch actions` lists them).

    A pipeline that was paused is resumed, and not held again for the same run; one that was resumed
    is paused; a run that was started is canceled.
    """
    from meta_orch.dependencies.acting import Actor
    from meta_orch.dependencies.undoing import undo as take_back
    from meta_orch.orchestrators import connect

    config = load_config(config_path)
    store = open_store(config.store.path)
    with store.read() as reader:
        action = reader.action(action_id)
        if action is None:
            raise click.BadParameter(f"there is no action {action_id!r}: see meta-orch actions")
        name = action.pipeline.name
        (*_, pipeline) = reader.pipelines(action.pipeline.instance, [name]) or (None,)
    if pipeline is None:
        raise click.ClickException(f"{action.pipeline} is no longer there")
    try:
        instance = config.instance(action.pipeline.instance)
    except KeyError:
        raise click.ClickException(
            f"meta_orch.yaml has no instance {action.pipeline.instance!r} any more"
        ) from None
    actor = Actor(store, acting_user(), "meta-orch undo", lambda: datetime.now(UTC))
    with connect(instance) as orchestrator:
        done = take_back(action, pipeline, orchestrator, actor, reason)
    output().print(f"{escape(str(done.pipeline))}: {done.kind.value}, {done.outcome.value}")


def _key(path: tuple[str, ...]) -> PipelineKey:
    return PipelineKey(path[0], "/".join(path[1:]))


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
