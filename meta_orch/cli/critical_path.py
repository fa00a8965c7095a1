"""`meta-orch critical-path`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from meta_orch.cli.assets import known_asset
from meta_orch.cli.common import config_option, format_option, open_store, output, print_rows
from meta_orch.config import MetaOrchConfig, load_config
from meta_orch.config.values import parse_duration
from meta_orch.domain.edges import path_text
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.time import Window
from meta_orch.domain.words import describe_duration

if TYPE_CHECKING:
    from meta_orch.analytics.critical_paths.graph import TaskGraph
    from meta_orch.analytics.critical_paths.report import PathReport
    from meta_orch.store import StoreReader

_ACROSS_DAYS = timedelta(days=30)


@click.command("critical-path")
@click.argument("pipeline")
@config_option
@click.option(
    "--runs",
    "most",
    type=click.IntRange(1, 10_000),
    default=30,
    show_default=True,
    help="How many of its last successful runs are looked at.",
)
@click.option(
    "--across",
    is_flag=True,
    help="The pipelines that lead to it, of whatever orchestrators, in place of its tasks.",
)
@click.option(
    "--earlier",
    metavar="DURATION",
    help="Also what it would save if each of them began so much earlier.",
)
@format_option
def critical_path(
    pipeline: str,
    config_path: Path | None,
    most: int,
    earlier: str | None,
    style: str,
    *,
    across: bool,
) -> None:
    """Which tasks of PIPELINE usually decide when it ends, and what it would save if each were
    faster. With --across: which pipelines, from when the first of them was due.

    What `saves` says is how much sooner the pipeline would have ended, on average, with the task
    30% faster; `slack` how much longer it could have taken. What follows is taken to begin as long
    after it as it did.
    """
    from meta_orch.analytics.critical_paths.batches import batches
    from meta_orch.analytics.critical_paths.report import path_report, saved_if_earlier

    try:
        sooner = parse_duration(earlier) if earlier else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--earlier") from error
    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        asset = known_asset(pipeline, reader)
        (found,) = [p for p in reader.pipelines(asset[0]) if p.key.path == asset]
        read = _across if across else _of_tasks
        graphs = [*read(reader, config, found, most)]
    if not graphs:
        raise click.ClickException(
            f"no successful run of {path_text(asset)} with {'a beginning' if across else 'tasks'} "
            "that is known is in the store"
        )
    report = path_report(batches(graphs))
    if style == "table":
        _summarise(path_text(asset), report)
    saved = saved_if_earlier(graphs, sooner) if sooner else {}
    print_rows(*_table(report, saved, earlier, "pipeline" if across else "task", style), style)


def _of_tasks(
    reader: StoreReader, _config: MetaOrchConfig, pipeline: Pipeline, most: int
) -> Iterable[TaskGraph]:
    from meta_orch.analytics.critical_paths.task_graphs import task_graph

    for run, task_runs in reader.traces.last_runs([pipeline.key], most=most):
        graph = task_graph(run, task_runs, pipeline.tasks)
        if graph is not None:
            yield graph


def _across(
    reader: StoreReader, config: MetaOrchConfig, pipeline: Pipeline, most: int
) -> Iterable[TaskGraph]:
    from meta_orch.analytics.critical_paths.run_graphs import graphs_across
    from meta_orch.dependencies.gates import GateMap

    now = datetime.now(UTC)
    lately = Window(now - _ACROSS_DAYS, now)
    return graphs_across(reader, GateMap(reader, config), pipeline.key, lately, most)


def _summarise(name: str, report: PathReport) -> None:
    whole = report.makespan.total_seconds() or 1
    shares = (
        f"{describe_duration(part)} {what} ({part.total_seconds() / whole:.0%})"
        for part, what in (
            (report.executed, "executing"),
            (report.queued, "queued"),
            (report.waited, "waiting"),
        )
    )
    output().print(
        f"[bold]{escape(name)}[/] took {describe_duration(report.makespan)} on average over "
        f"{report.runs:,} runs; on its critical path: {', '.join(shares)}."
    )


def _table(
    report: PathReport,
    saved: Mapping[str, timedelta],
    earlier: str | None,
    what: str,
    style: str,
) -> tuple[Sequence[str], list[Sequence[Any]]]:
    """Columns and rows."""
    if style == "table":
        columns = (what, "saves", "on the path", "executing", "held up", "slack", "runs")
        rows: list[Sequence[Any]] = [
            (
                share.task,
                describe_duration(share.saves),
                f"{share.on_path:.0%}",
                *map(describe_duration, (share.executed, share.held_up, share.slack)),
                share.runs,
                *([describe_duration(saved[share.task])] if saved else []),
            )
            for share in report.tasks
        ]
        return (*columns, *([f"{earlier} earlier saves"] if saved else [])), rows
    columns = (
        *(what, "saves_seconds", "on_path", "executed_seconds", "held_up_seconds"),
        *("slack_seconds", "runs"),
    )
    rows = [
        (
            *(s.task, s.saves, s.on_path, s.executed, s.held_up, s.slack, s.runs),
            *([saved[s.task]] if saved else []),
        )
        for s in report.tasks
    ]
    return (*columns, *(["earlier_saves_seconds"] if saved else [])), rows
