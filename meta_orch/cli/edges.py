"""`meta-orch edges`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from meta_orch.domain.edges import AssetPath, Edge, Judgement, Opinion, parse_path, path_text

_COLUMNS = ("upstream", "downstream", "kind", "confidence", "evidence")
_both_ends = (click.argument("upstream"), click.argument("downstream"))
_reason = click.option("--reason", help="Why, for those who come later.")


def _with_both_ends(command: Callable[..., Any]) -> Callable[..., Any]:
    for decorate in (config_option, *reversed(_both_ends)):
        command = decorate(command)
    return command


@click.group(invoke_without_command=True)
@config_option
@click.option("--of", "asset", metavar="PIPELINE", help="Only those to and from this one.")
@click.option("--proposed", is_flag=True, help="Suggestions that nobody has judged yet.")
@format_option
@click.pass_context
def edges(
    ctx: click.Context, config_path: Path | None, asset: str | None, proposed: bool, style: str
) -> None:
    """List which pipeline depends on which, and why that is believed.

    Listed is what is in effect: what orchestrators or meta_orch.yaml state, and suggestions that
    somebody accepted. A suggestion is a proposal until then; it is neither drawn nor does it gate.
    """
    ctx.obj = config_path
    if ctx.invoked_subcommand is not None:
        return
    from meta_orch.dependencies.reading import read_report

    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        report = read_report(reader, config, datetime.now(UTC))
        end = known_asset(asset, reader, report.edges) if asset else None
    found = report.proposals if proposed else report.edges
    rows = [_row(edge) for edge in found if end is None or end in edge.step]
    print_rows(_COLUMNS, rows, style)
    if style == "table" and report.proposals and not proposed:
        more = f"{len(report.proposals):,} more are proposed: meta-orch edges --proposed"
        output().print(more, style="dim")


@edges.command()
@_with_both_ends
@_reason
def accept(upstream: str, downstream: str, config_path: Path | None, reason: str | None) -> None:
    """Have an edge count that was suggested: DOWNSTREAM depends on UPSTREAM."""
    _judge(Opinion.ACCEPTED, upstream, downstream, config_path, reason)


@edges.command()
@_with_both_ends
@_reason
def reject(upstream: str, downstream: str, config_path: Path | None, reason: str | None) -> None:
    """Have an edge count no more, whatever is inferred: DOWNSTREAM does not depend on UPSTREAM.

    What meta_orch.yaml declares is taken out there.
    """
    _judge(Opinion.REJECTED, upstream, downstream, config_path, reason)


@edges.command()
@_with_both_ends
def forget(upstream: str, downstream: str, config_path: Path | None) -> None:
    """Take back what was accepted or rejected."""
    ends = parse_path(upstream), parse_path(downstream)
    store = open_store(load_config(_config(config_path)).store.path)
    with store.write() as writer:
        if ends not in writer.judgements():
            raise click.ClickException(
                f"nobody has accepted or rejected {upstream} -> {downstream}"
            )
        writer.forget_judgement(*ends)
    output().print(f"forgotten: {escape(f'{upstream} -> {downstream}')}")


@edges.command()
@config_option
def suggest(config_path: Path | None) -> None:
    """Look through the history for edges that nothing states. Dagster does so each night."""
    from meta_orch.dependencies.reading import read_report, renew_suggestions

    config = load_config(_config(config_path))
    store = open_store(config.store.path)
    now = datetime.now(UTC)
    renew_suggestions(store, config, now)
    with store.read() as reader:
        proposed = read_report(reader, config, now).proposals
    print_rows(_COLUMNS, [_row(edge) for edge in proposed], "table")


@edges.command()
@config_option
@click.pass_context
def lint(ctx: click.Context, config_path: Path | None) -> None:
    """Say what is wrong with the edges: cycles, consumers that start before their producers end,
    edges to what is not there, data with two writers.

    Exit status 1 where anything is.
    """
    from meta_orch.dependencies.reading import read_report

    config = load_config(_config(config_path))
    with open_store(config.store.path).read() as reader:
        report = read_report(reader, config, datetime.now(UTC))
    console = output()
    for violation in report.violations:
        console.print(f"[yellow]{violation.rule.value}[/]: {escape(violation.message)}")
        console.print(f"  [dim]{escape(violation.fix)}[/]")
    if report.violations:
        ctx.exit(1)
    console.print(f"[green]all is well[/] with {len(report.edges):,} edges")


def _row(edge: Edge) -> tuple[object, ...]:
    ends = path_text(edge.upstream), path_text(edge.downstream)
    return *ends, edge.kind.value, edge.confidence, edge.evidence


def _judge(
    opinion: Opinion,
    upstream: str,
    downstream: str,
    config_path: Path | None,
    reason: str | None,
) -> None:
    config = load_config(_config(config_path))
    ends: tuple[AssetPath, AssetPath] = parse_path(upstream), parse_path(downstream)
    is_declared = any((e.upstream, e.downstream) == (upstream, downstream) for e in config.edges)
    if is_declared and opinion is Opinion.REJECTED:
        raise click.ClickException(
            f"{upstream} -> {downstream} is declared in meta_orch.yaml: take it out there"
        )
    with open_store(config.store.path).write() as writer:
        known = {edge.step for edge in writer.edges()}
        if ends not in known and ends not in writer.judgements():
            raise click.ClickException(
                f"no edge leads from {upstream} to {downstream}; `meta-orch edges --proposed` "
                "lists what is suggested, and what nothing suggests is declared in meta_orch.yaml"
            )
        writer.save_judgement(
            Judgement(*ends, opinion, acting_user(), datetime.now(UTC), reason or None)
        )
    output().print(f"{opinion.value}: {escape(f'{upstream} -> {downstream}')}")


def _config(own: Path | None) -> Path | None:
    """`--config` of the subcommand, or else of `edges` itself."""
    return own or click.get_current_context().obj
