"""`meta-orch check`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from meta_orch.store import CollectorStatus

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
    Nothing is started and nothing is stored. What does not work says what to change. How the last
    collection went, here or in Dagster, is told beside it.

    Exit status 1 where something that meta_orch needs does not work. It can do without sources and
    pools, and needs to start runs only where `read_only` is false.
    """
    config = load_config(config_path)
    chosen = choose_instances(config, instances)
    statuses = _statuses(config)
    results = {
        instance: _try(instance, statuses.get(instance.name), quiet=as_json) for instance in chosen
    }
    if as_json:
        answers = [_as_json(*result, statuses.get(result[0].name)) for result in results.items()]
        click.echo(json.dumps(answers, indent=2))
    else:
        _print_summary(results, list(_unknown_instances(config)))
    if any(finding.is_fault for findings in results.values() for finding in findings):
        ctx.exit(1)


def _statuses(config: MetaOrchConfig) -> Mapping[str, CollectorStatus]:
    """How the last reading of each instance went; none where there is no store yet."""
    from meta_orch.store import Store

    if not config.store.path.exists():
        return {}
    with Store(config.store.path).read() as reader:
        return reader.collectors()


def _try(
    instance: InstanceConfig, status: CollectorStatus | None, *, quiet: bool
) -> tuple[Finding, ...]:
    console = output()
    if not quiet:
        _print_heading(console, instance)
    findings: list[Finding] = []
    with progress().status(f"asking {escape(instance.name)} ..."):
        for finding in check_instance(instance):
            findings.append(finding)
            if not quiet:
                _print_finding(console, finding)
    if status is not None and not quiet:
        mark = "[green]✓[/]" if status.error is None else "[yellow]![/]"
        _print_row(console, mark, "collector", _describe(status))
    return tuple(findings)


def _describe(status: CollectorStatus) -> str:
    if status.error is None:
        return f"last read at {status.attempted_at:%Y-%m-%d %H:%M:%S} UTC"
    failures, retry_at = status.circuit.failures, status.circuit.retry_at
    said = f"failed at {status.attempted_at:%Y-%m-%d %H:%M:%S} UTC"
    if failures > 1:
        said += f", {failures} times in a row"
    if retry_at is not None:
        said += f", and leaves it alone until {retry_at:%H:%M:%S}"
    return f"{said}: {status.error}"


def _print_heading(console: Console, instance: InstanceConfig) -> None:
    where = instance.url or "this Dagster instance"
    label = f" ({instance.environment})" if instance.environment else ""
    console.print(f"[bold]{escape(instance.name)}[/]{escape(label)}: {instance.type}, {where}")


def _print_finding(console: Console, finding: Finding) -> None:
    mark = _MARKS[finding.verdict]
    if finding.verdict is Verdict.FAILS and not finding.is_needed:
        mark = "[yellow]![/]"
    is_untried = finding.verdict is Verdict.UNTRIED
    detail = finding.detail or "not tried" * is_untried
    _print_row(console, mark, finding.capability.value, detail)


def _print_row(console: Console, mark: str, name: str, detail: str) -> None:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=3, justify="right")
    row.add_column(width=_NAME_WIDTH)
    row.add_column(overflow="fold")
    row.add_row(mark, name, escape(detail))
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


def _as_json(
    instance: InstanceConfig, findings: tuple[Finding, ...], status: CollectorStatus | None
) -> dict[str, Any]:
    retry_at = status.circuit.retry_at if status else None
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
        "collector": status
        and {
            "attempted_at": status.attempted_at.isoformat(),
            "error": status.error,
            "failures": status.circuit.failures,
            "retry_at": retry_at.isoformat() if retry_at else None,
        },
    }
