"""`meta-orch check`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from meta_orch.cli.common import (
    choose_instances,
    config_option,
    instances_argument,
    output,
    progress,
)
from meta_orch.config import InstanceConfig, MetaOrchConfig, load_config
from meta_orch.orchestrators.checking import Finding, Verdict, check_instance

_MARKS = {
    Verdict.WORKS: "[green]✓[/]",
    Verdict.FAILS: "[red]✗[/]",
    Verdict.ABSENT: "[dim]-[/]",
    Verdict.OFF: "[dim]-[/]",
    Verdict.UNTRIED: "[dim]·[/]",
}
_NAME_WIDTH = 16


@click.command()
@instances_argument
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def check(
    ctx: click.Context, instances: tuple[str, ...], config_path: Path | None, as_json: bool
) -> None:
    """Connect to each INSTANCE (default: all) and say what works.

    Tried in turn: reach the server, log in, read pipelines, runs, sources and pools, start runs.
    Nothing is started and nothing is stored. What does not work says what to change.

    Exit status 1 where something that meta_orch needs does not work. It can do without sources and
    pools, and needs to start runs only where `read_only` is false.
    """
    config = load_config(config_path)
    chosen = choose_instances(config, instances)
    results = {instance: _try(instance, quiet=as_json) for instance in chosen}
    if as_json:
        click.echo(json.dumps([_as_json(*result) for result in results.items()], indent=2))
    else:
        _print_summary(results, list(_unknown_instances(config)))
    if any(finding.is_fault for findings in results.values() for finding in findings):
        ctx.exit(1)


def _try(instance: InstanceConfig, *, quiet: bool) -> tuple[Finding, ...]:
    console = output()
    if not quiet:
        _print_heading(console, instance)
    findings: list[Finding] = []
    with progress().status(f"asking {escape(instance.name)} ..."):
        for finding in check_instance(instance):
            findings.append(finding)
            if not quiet:
                _print_finding(console, finding)
    return tuple(findings)


def _print_heading(console: Console, instance: InstanceConfig) -> None:
    where = instance.url or "this Dagster instance"
    label = f" ({instance.environment})" if instance.environment else ""
    console.print(f"[bold]{escape(instance.name)}[/]{escape(label)}: {instance.type}, {where}")


def _print_finding(console: Console, finding: Finding) -> None:
    mark = _MARKS[finding.verdict]
    if finding.verdict is Verdict.FAILS and not finding.is_needed:
        mark = "[yellow]![/]"
    row = Table.grid(padding=(0, 1))
    row.add_column(width=3, justify="right")
    row.add_column(width=_NAME_WIDTH)
    row.add_column(overflow="fold")
    is_untried = finding.verdict is Verdict.UNTRIED
    row.add_row(mark, finding.capability.value, escape(finding.detail or "not tried" * is_untried))
    console.print(row)


def _print_summary(results: dict[InstanceConfig, tuple[Finding, ...]], unknown: list[str]) -> None:
    console = output()
    for note in unknown:
        console.print(f"[yellow]note[/] {escape(note)}")
    broken = [
        instance.name
        for instance, findings in results.items()
        if any(finding.is_fault for finding in findings)
    ]
    if broken:
        console.print(f"[red]needs a change:[/] {', '.join(broken)}")
    else:
        console.print(f"[green]all is well[/] with {', '.join(i.name for i in results)}")


def _unknown_instances(config: MetaOrchConfig) -> Iterator[str]:
    """Ends of edges that are no pipeline of an instance: an asset of Dagster, or a slip."""
    known = {instance.name for instance in config.instances}
    for index, edge in enumerate(config.edges):
        for end in ("upstream", "downstream"):
            key: str = getattr(edge, end)
            if key.partition("/")[0] not in known:
                yield (
                    f"edges[{index}].{end}: no instance begins {key}, so it is taken for the key "
                    "of a Dagster asset"
                )


def _as_json(instance: InstanceConfig, findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "instance": instance.name,
        "type": instance.type,
        "url": instance.url,
        "works": not any(finding.is_fault for finding in findings),
        "capabilities": [
            {
                "name": finding.capability.value,
                "verdict": finding.verdict.value,
                "needed": finding.is_needed,
                "detail": finding.detail,
            }
            for finding in findings
        ],
    }
