"""`meta-orch conflicts` and `meta-orch stagger`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meta_orch.cli.common import config_option, format_option, open_store, output, print_rows
from meta_orch.config import MetaOrchConfig, load_config
from meta_orch.config.values import parse_duration
from meta_orch.domain.words import describe_duration

if TYPE_CHECKING:
    from meta_orch.analytics.resources.conflicts import Conflict
    from meta_orch.analytics.staggering.plan import StaggeringPlan

_COLUMNS = ("resource", "when", "since", "until", "peak", "capacity", "harm", "between")
_NAMED = 4


@click.command()
@config_option
@format_option
def conflicts(config_path: Path | None, style: str) -> None:
    """Where pipelines wanted more of a shared resource than there is, and where they will.

    What was is recorded, what comes is expected by the schedules and by how long runs usually take.
    `harm` is what was wanted above the capacity, times how long.
    """
    from meta_orch.analytics.staggering.refreshing import find_contention

    config = _with_resources(config_path)
    with open_store(config.store.path).read() as reader:
        found = find_contention(reader, config, datetime.now(UTC))
    each = [*((c, "was") for c in found.past), *((c, "comes") for c in found.coming)]
    each.sort(key=lambda pair: -pair[0].harm)
    print_rows(_COLUMNS, [_row(conflict, when, style) for conflict, when in each], style)


@click.command()
@click.argument("resource")
@config_option
@click.option("--by", "by", metavar="DURATION", help="How much later, at most: 30m, 1h.")
@click.option("--json", "as_json", is_flag=True, help="The plan as data.")
def stagger(resource: str, config_path: Path | None, by: str | None, *, as_json: bool) -> None:
    """Propose other start minutes for what uses RESOURCE, so that less of it is wanted at once.

    Only what has one cron schedule is moved, later, and by no more than keeps its SLAs and the
    schedules of what depends on it. Nothing is changed anywhere: this is a plan. It says how far it
    is from a bound that no plan can beat, and what the recorded history would have been with it.
    """
    from meta_orch.analytics.staggering.refreshing import find_contention, plan_document

    config = _with_resources(config_path)
    names = [each.name for each in config.resources]
    if resource not in names:
        raise click.BadParameter(f"no resource is called {resource}; write one of: {names}")
    try:
        later_by = parse_duration(by) if by else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--by") from error
    with open_store(config.store.path).read() as reader:
        found = find_contention(reader, config, datetime.now(UTC), only=resource, later_by=later_by)
    if not found.plans:
        raise click.ClickException(f"no pipeline that is known uses {resource}")
    (plan,) = found.plans
    if as_json:
        click.echo(json.dumps(plan_document(plan), indent=2))
    else:
        _print(plan)


def _with_resources(config_path: Path | None) -> MetaOrchConfig:
    config = load_config(config_path)
    if not config.resources:
        raise click.ClickException(
            "nothing is shared: write what is under `resources`, see docs/configuration.md"
        )
    return config


def _row(conflict: Conflict, when: str, style: str) -> Sequence[Any]:
    names = [str(key) for key in conflict.shares]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        conflict.resource,
        when,
        conflict.since,
        conflict.until,
        conflict.peak,
        conflict.capacity,
        describe_duration(conflict.harm) if style == "table" else conflict.harm,
        ", ".join(names[:_NAMED]) + more if style == "table" else names,
    )


def _print(plan: StaggeringPlan) -> None:
    rows = [
        (str(m.pipeline), f"{m.minutes} min", f"{m.slack_minutes} min", m.cron, m.new_cron)
        for m in plan.moves
    ]
    print_rows(("pipeline", "later by", "slack", "schedule", "new schedule"), rows, "table")
    before, after = plan.history_before, plan.history_after
    output(wide=True).print(
        f"{plan.resource} has {plan.capacity:g}. In the week ahead {plan.before.peak:g} are wanted "
        f"at once, by this plan {plan.after.peak:g}; no plan within the same slack comes below "
        f"{plan.bound:g} (gap {plan.gap:.0%}, {plan.method}). {len(plan.moves)} of "
        f"{plan.movable + plan.fixed} pipelines move, {plan.fixed} may not.\n"
        f"Replayed on {after.runs:,} recorded runs, first come, first served: peak "
        f"{before.peak:g} → {after.peak:g}, queued {describe_duration(before.queued)} → "
        f"{describe_duration(after.queued)}, deadlines missed {before.missed} → {after.missed}."
    )
