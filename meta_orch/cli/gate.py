"""`meta-orch gate`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from meta_orch.cli.assets import known_asset
from meta_orch.cli.common import acting_user, config_option, open_store, output
from meta_orch.cli.tables import print_table
from meta_orch.config import load_config
from meta_orch.config.models import GateConfig
from meta_orch.config.values import parse_duration
from meta_orch.domain.edges import AssetPath, path_text
from meta_orch.domain.holds import Hold
from meta_orch.domain.overrides import Override

if TYPE_CHECKING:
    from meta_orch.dependencies.gates import Decision
    from meta_orch.store import StoreReader


@click.command()
@click.argument("pipeline")
@config_option
@click.option("--override", "duration", metavar="DURATION", help="Let it run for so long: 2h, 30m.")
@click.option("--reason", help="Why, for those who come later; --override needs it.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@click.pass_context
def gate(
    ctx: click.Context,
    pipeline: str,
    config_path: Path | None,
    *,
    duration: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Say whether PIPELINE may run now, and why: what each of its upstreams has done.

    Exit status 0 where it may run, 1 where it is to wait, be held or be skipped.
    """
    from meta_orch.dependencies.gates import Gatekeeper

    config = load_config(config_path)
    store = open_store(config.store.path)
    now = datetime.now(UTC)
    with store.read() as reader:
        asset = known_asset(pipeline, reader)
    if duration is not None:
        _override(asset, duration, reason, now, store_path=config.store.path)
    with store.read() as reader:
        keeper = Gatekeeper(reader, config, now)
        is_gated = asset in keeper.gated
        if not is_gated:
            keeper = Gatekeeper(reader, config, now, presumed=GateConfig(downstream="*"))
        decision = keeper.decide(asset)
        hold = _open_hold(asset, reader)
    if as_json:
        click.echo(json.dumps(_as_json(decision, hold, is_gated=is_gated), indent=2))
    else:
        _print(decision, hold, is_gated=is_gated)
    if is_gated and not decision.may_run:
        ctx.exit(1)


def _override(
    asset: AssetPath, duration: str, reason: str | None, now: datetime, *, store_path: Path
) -> None:
    if not reason:
        raise click.UsageError("--override needs --reason: say why it may run all the same")
    try:
        until = now + parse_duration(duration)
    except ValueError as error:
        raise click.BadParameter(f"{duration!r} {error}", param_hint="--override") from None
    with open_store(store_path).write() as writer:
        writer.save_override(Override(asset, acting_user(), reason, now, until))


def _open_hold(asset: AssetPath, reader: StoreReader) -> Hold | None:
    found = {hold.pipeline.path: hold for hold in reader.last_holds(asset[0]).values()}
    hold = found.get(asset)
    return hold if hold is not None and hold.state.is_open else None


def _print(decision: Decision, hold: Hold | None, *, is_gated: bool) -> None:
    from meta_orch.dependencies.gates import summary

    console = output()
    name = escape(path_text(decision.pipeline))
    if not is_gated:
        console.print(f"[dim]No gate in meta_orch.yaml names {name}; by the usual one it would:[/]")
    colour = "green" if decision.may_run else "yellow"
    due = f"{decision.occasion.due_at:%Y-%m-%d %H:%M} UTC"
    console.print(f"[bold]{name}[/], due at {due}: [{colour}]{decision.disposition.value}[/]")
    console.print(escape(summary(decision)))
    if hold is not None:
        done = "It would be kept paused" if hold.is_dry_run else "It is kept paused"
        console.print(
            f"{done} since {hold.begun_at:%Y-%m-%d %H:%M} UTC, and until "
            f"{hold.expires_at:%Y-%m-%d %H:%M} UTC at most."
        )
    if decision.findings:
        rows = [
            (path_text(f.upstream), f.readiness.value, f.message, f.disposition.value, f.evidence)
            for f in decision.findings
        ]
        columns = ("upstream", "is", "because", "so", "depends on it as")
        print_table(output(wide=True), columns, rows)
    if not decision.may_run:
        console.print(
            f'To let it run all the same: meta-orch gate {name} --override 2h --reason "..."',
            style="dim",
        )


def _as_json(decision: Decision, hold: Hold | None, *, is_gated: bool) -> dict[str, Any]:
    override = decision.override
    return {
        "pipeline": path_text(decision.pipeline),
        "gated": is_gated,
        "due_at": decision.occasion.due_at.isoformat(),
        "disposition": decision.disposition.value,
        "may_run": decision.may_run,
        "upstreams": [
            {
                "upstream": path_text(finding.upstream),
                "readiness": finding.readiness.value,
                "message": finding.message,
                "since": finding.since.isoformat() if finding.since else None,
                "run_id": finding.run_id,
                "disposition": finding.disposition.value,
                "evidence": finding.evidence,
            }
            for finding in decision.findings
        ],
        "hold": hold
        and {
            "since": hold.begun_at.isoformat(),
            "expires_at": hold.expires_at.isoformat(),
            "is_dry_run": hold.is_dry_run,
        },
        "override": override
        and {
            "by": override.by,
            "reason": override.reason,
            "expires_at": override.expires_at.isoformat(),
        },
    }
