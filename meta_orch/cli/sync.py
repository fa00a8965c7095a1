"""`meta-orch sync`."""

from __future__ import annotations

import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from meta_orch.cli.common import (
    choose_instances,
    config_option,
    instances_argument,
    output,
    progress,
)
from meta_orch.config import InstanceConfig, MetaOrchConfig, load_config
from meta_orch.config.models import OpenLineageConfig
from meta_orch.config.values import parse_duration
from meta_orch.domain.errors import MetaOrchError

if TYPE_CHECKING:
    from meta_orch.store import Store
    from meta_orch.sync import Collection

_SLICE = timedelta(seconds=5)
"""How long to collect before the progress is shown anew."""


class _Duration(click.ParamType):
    name = "duration"

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


@click.command()
@instances_argument
@config_option
@click.option(
    "--for",
    "time_limit",
    type=_Duration(),
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="Stop collecting from an instance after this long; the next time goes on from there.",
)
@click.pass_context
def sync(
    ctx: click.Context,
    instances: tuple[str, ...],
    config_path: Path | None,
    time_limit: timedelta,
) -> None:
    """Collect pipelines and runs of each INSTANCE (default: all) into the store.

    OpenLineage events come first, where there are any. Dagster's sensors do the same by themselves;
    this is for a first load, for cron, and to look at what comes in. It may be stopped at any time,
    and run beside Dagster.

    Exit status 1 where something could not be read. The rest is collected all the same.
    """
    from meta_orch.store import Store

    config = load_config(config_path)
    chosen = choose_instances(config, instances)
    store = Store(config.store.path)
    # Before the instances, whose edges are made with it.
    went_well = [_sync_lineage(source, store) for source in config.openlineage]
    went_well += [_sync(config, instance, store, time_limit) for instance in chosen]
    if not all(went_well):
        ctx.exit(1)


def _sync_lineage(source: OpenLineageConfig, store: Store) -> bool:
    """Whether the source could be read. Says how it went."""
    from meta_orch.sync import collect_lineage

    try:
        collection = collect_lineage(source, store, _now())
    except (MetaOrchError, OSError) as error:
        output().print(f"[red]✗[/] {escape(str(error))}")
        return False
    for fault in collection.faults:
        output().print(f"[yellow]![/] {escape(fault)}")
    output().print(f"[green]✓[/] {escape(source.name)}: {collection.events:,} events")
    return True


def _sync(
    config: MetaOrchConfig, instance: InstanceConfig, store: Store, time_limit: timedelta
) -> bool:
    """Whether the instance could be read. Says how it went."""
    try:
        collection = _collect(config, instance, store, time_limit)
    except MetaOrchError as error:
        output().print(f"[red]✗[/] {escape(str(error))}")
        return False
    end = "" if collection.caught_up else "; more is left: run it again"
    output().print(f"[green]✓[/] {instance.name}: {_summary(collection)}{end}")
    return True


def _collect(
    config: MetaOrchConfig, instance: InstanceConfig, store: Store, time_limit: timedelta
) -> Collection:
    from meta_orch.orchestrators import connect
    from meta_orch.sync import collect

    begin = _now()
    deadline = begin + time_limit
    total: Collection | None = None
    console = progress()
    with (
        console.status(f"{instance.name}: connecting ...") as status,
        connect(instance) as orchestrator,
    ):
        gc.freeze()  # what is imported by now stays: no need to look through it again and again
        while total is None or not (total.caught_up or _now() >= deadline):
            latest = collect(
                orchestrator,
                store,
                clock=_now,
                deadline=min(deadline, _now() + _SLICE),
                lookback=instance.lookback,
                config=config,
                poll_interval=instance.poll_interval,
            )
            total = latest if total is None else _sum(total, latest)
            if not total.caught_up:
                so_far = f"{instance.name}: {_progress(total, _now() - begin)}"
                status.update(f"{so_far} ...")
                if not console.is_terminal:
                    console.print(so_far)
    return total


def _sum(total: Collection, latest: Collection) -> Collection:
    return replace(
        latest,
        runs=total.runs + latest.runs,
        task_runs=total.task_runs + latest.task_runs,
        gone=total.gone + latest.gone,
        catalogue_changed=total.catalogue_changed or latest.catalogue_changed,
    )


def _progress(collection: Collection, taken: timedelta) -> str:
    rows = collection.runs + collection.task_runs
    rate = f"{rows / max(taken.total_seconds(), 1):,.0f} rows a second"
    said = f"{_summary(collection)} so far ({rate})"
    if collection.history_to is None:
        return said
    return f"{said}, and what was before {collection.history_to:%Y-%m-%d %H:%M} UTC to come"


def _summary(collection: Collection) -> str:
    parts = [f"{collection.runs:,} runs", f"{collection.task_runs:,} task runs"]
    if collection.gone:
        parts.append(f"{collection.gone:,} deleted runs")
    parts.append("pipelines changed" if collection.catalogue_changed else "pipelines unchanged")
    return ", ".join(parts)


def _now() -> datetime:
    return datetime.now(UTC)
