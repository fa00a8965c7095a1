"""`meta-orch resources`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meta_orch.cli.common import config_option, format_option, open_store, print_rows
from meta_orch.config import MetaOrchConfig, load_config
from meta_orch.domain.words import describe_duration

if TYPE_CHECKING:
    from meta_orch.analytics.resources.provisioning import Provision
    from meta_orch.store import StoreReader

_COLUMNS = (
    *("kind", "resource", "capacity", "peak", "peak wanted", "utilisation", "saturated"),
    *("queued", "verdict", "advised"),
)
_EXACT = (
    *("kind", "resource", "capacity", "peak_running", "peak_wanted", "utilisation"),
    *("saturated_seconds", "queued_unit_seconds", "verdict", "advised"),
)
_TOGETHER = ("kind", "resource", "pipeline", "with", "times", "seconds")
_MOST_PAIRS = 50
_USERS = (
    *("kind", "resource", "pipeline", "running_unit_seconds", "queued_unit_seconds"),
    "saturated_unit_seconds",
)


@click.command()
@click.argument("resource", required=False)
@config_option
@click.option(
    "--together", is_flag=True, help="Of the one RESOURCE: which pipelines used it at once."
)
@click.option("--days", type=click.IntRange(1, 3650), default=7, help="How far back.")
@format_option
def resources(
    resource: str | None, config_path: Path | None, days: int, style: str, *, together: bool
) -> None:
    """What is in use and wanted of orchestrators, pools, queues and what meta_orch.yaml says is
    shared; or who uses the one RESOURCE, who had most of it while more was wanted than there is
    first.

    Days that there is news of are measured first. `saturated` is how long more was wanted than
    there is, `queued` the time that runs or tasks waited, times their units.
    """
    from meta_orch.analytics.resources.measuring import days_to_measure, measure_days
    from meta_orch.analytics.resources.provisioning import provisions

    config, now = load_config(config_path), datetime.now(UTC)
    store = open_store(config.store.path)
    if together and resource is None:
        raise click.UsageError("--together needs a RESOURCE: `meta-orch resources` lists them")
    measure_days(store, config, days_to_measure(store, config, now), now)
    length = timedelta(days=days)
    with store.read() as reader:
        found = provisions(reader, now, length)
        chosen = [each for each in found if resource in {None, each.resource}]
        if not chosen:
            known = ", ".join(sorted({each.resource for each in found})) or "none"
            wanted = f"{resource} was" if resource else "nothing was"
            raise click.ClickException(f"{wanted} in use in {days} days; in use: {known}")
        if together:
            rows = [row for each in chosen for row in _together(reader, config, each, days, now)]
            print_rows(_TOGETHER, rows, style)
            return
        if resource:
            rows = [
                (each.kind, each.resource, f"{u.instance}/{u.pipeline}", *map(round, u[2:]))
                for each in chosen
                for u in reader.measurements.users(each.kind, each.resource, (now - length).date())
            ]
            print_rows(_USERS, rows, style)
            return
    if style == "table":
        print_rows(_COLUMNS, [*map(_row, chosen)], style)
    else:
        print_rows(_EXACT, [*map(_exact, chosen)], style)


def _together(
    reader: StoreReader, config: MetaOrchConfig, found: Provision, days: int, now: datetime
) -> Sequence[Sequence[Any]]:
    from meta_orch.analytics.resources.measuring import demand_of
    from meta_orch.domain.time import Window

    demand = demand_of(reader, config)
    during = Window(now - timedelta(days=days), now)
    pairs = reader.measurements.together(
        during, found.kind, found.resource, demand=demand, now=now, most=_MOST_PAIRS
    )
    return [(p.kind, p.resource, p.pipeline, p.other, p.times, round(p.seconds)) for p in pairs]


def _row(found: Provision) -> Sequence[Any]:
    share = found.saturated / found.length
    return (
        found.kind,
        found.resource,
        _number(found.capacity),
        _number(found.peak_running),
        _number(found.peak_wanted),
        None if found.utilisation is None else f"{found.utilisation:.0%}",
        f"{describe_duration(found.saturated)} ({share:.1%})" if found.saturated else None,
        describe_duration(found.queued) if found.queued else None,
        found.fit.value,
        found.advised,
    )


def _exact(found: Provision) -> Sequence[Any]:
    return (
        found.kind,
        found.resource,
        found.capacity,
        found.peak_running,
        found.peak_wanted,
        found.utilisation,
        found.saturated,
        found.queued,
        found.fit.value,
        found.advised,
    )


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"
