"""`meta-orch reconcile`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from meta_orch.cli.common import (
    choose_instances,
    config_option,
    instances_argument,
    open_store,
    output,
    progress,
)
from meta_orch.cli.tables import print_table
from meta_orch.config import InstanceConfig, MetaOrchConfig, load_config
from meta_orch.domain.errors import MetaOrchError

if TYPE_CHECKING:
    from meta_orch.store import Store
    from meta_orch.sync import Reconciliation

_LONGEST = timedelta(hours=1)


@click.command()
@instances_argument
@config_option
@click.option("--dry-run", is_flag=True, help="Say what differs, and repair nothing.")
@click.pass_context
def reconcile(
    ctx: click.Context, instances: tuple[str, ...], config_path: Path | None, dry_run: bool
) -> None:
    """Compare the runs in the store with those that each INSTANCE (default: all) has, run by run,
    and repair the store. Those that ended within `reconciliation.window` are compared.

    Dagster does the same by a job each night, for a part of the pipelines by their counts alone.

    Exit status 1 where an instance could not be compared, or, with --dry-run, where it differs.
    """
    config = load_config(config_path)
    chosen = choose_instances(config, instances)
    store = open_store(config.store.path)
    is_right = [_reconcile(config, instance, store, dry_run=dry_run) for instance in chosen]
    if not all(is_right):
        ctx.exit(1)


def _reconcile(
    config: MetaOrchConfig, instance: InstanceConfig, store: Store, *, dry_run: bool
) -> bool:
    """Whether the store is right now. Says what was found."""
    try:
        with progress().status(f"{instance.name}: comparing ..."):
            found = _compare(config, instance, store, dry_run=dry_run)
    except MetaOrchError as error:
        output().print(f"[red]✗[/] {escape(str(error))}")
        return False
    compared = f"{found.runs:,} runs of {found.pipelines:,} pipelines"
    if found.is_right:
        output().print(f"[green]✓[/] {instance.name}: the store holds its {compared}")
        return True
    done = "repaired" if found.repaired == found.differing and not dry_run else "found"
    mark = "[yellow]![/]" if done == "repaired" else "[red]✗[/]"
    unfinished = "" if found.is_complete else "; not all were compared in time"
    output().print(
        f"{mark} {instance.name}: {found.differing:,} differences {done} in {compared}{unfinished}"
    )
    rows = [
        *((run.pipeline.name, run.run_id, "was missing") for run in found.missing),
        *((run.pipeline.name, run.run_id, "no longer exists there") for run in found.gone),
        *((run.pipeline.name, run.run_id, "had come to another end") for run in found.changed),
    ]
    print_table(output(wide=True), ("pipeline", "run", "difference"), rows)
    return found.is_complete and done == "repaired"


def _compare(
    config: MetaOrchConfig, instance: InstanceConfig, store: Store, *, dry_run: bool
) -> Reconciliation:
    from meta_orch.orchestrators import connect
    from meta_orch.sync import reconcile

    with connect(instance) as orchestrator:
        return reconcile(
            orchestrator,
            store,
            clock=_now,
            deadline=_now() + _LONGEST,
            lookback=instance.lookback,
            keeps=config.store.retention.runs,
            reach=config.reconciliation.window,
            part=1,
            repairs=not dry_run,
        )


def _now() -> datetime:
    return datetime.now(UTC)
