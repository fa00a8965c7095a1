"""`meta-orch critical-path`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from meta_orch.cli.assets import known_asset
from meta_orch.cli.common import config_option, format_option, open_store, output, print_rows
from meta_orch.config import load_config
from meta_orch.domain.edges import path_text
from meta_orch.domain.words import describe_duration


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
@format_option
def critical_path(pipeline: str, config_path: Path | None, most: int, style: str) -> None:
    """Which tasks of PIPELINE usually decide when it ends, and what it would save if each were
    faster.

    A task's `saves` is how much sooner the pipeline would have ended, on average, with the task 30%
    faster; its `slack` is how much longer it could have taken. What follows is taken to begin as
    long after it as it did.
    """
    from meta_orch.analytics.path_report import path_report
    from meta_orch.analytics.task_graphs import task_graph

    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        asset = known_asset(pipeline, reader)
        (found,) = [p for p in reader.pipelines(asset[0]) if p.key.path == asset]
        graphs = [
            graph
            for run, task_runs in reader.traces.last_runs([found.key], most=most)
            if (graph := task_graph(run, task_runs, found.tasks))
        ]
    if not graphs:
        raise click.ClickException(
            f"no successful run of {path_text(asset)} with tasks that ran is in the store"
        )
    report = path_report(graphs)
    if style == "table":
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
            f"[bold]{escape(path_text(asset))}[/] took {describe_duration(report.makespan)} on "
            f"average over {report.runs:,} runs; on its critical path: {', '.join(shares)}."
        )
        columns = ("task", "saves", "on the path", "executing", "held up", "slack", "runs")
        rows = [
            (
                share.task,
                describe_duration(share.saves),
                f"{share.on_path:.0%}",
                *map(describe_duration, (share.executed, share.held_up, share.slack)),
                share.runs,
            )
            for share in report.tasks
        ]
    else:
        columns = (
            *("task", "saves_seconds", "on_path", "executed_seconds", "held_up_seconds"),
            *("slack_seconds", "runs"),
        )
        rows = [
            (s.task, s.saves, s.on_path, s.executed, s.held_up, s.slack, s.runs)
            for s in report.tasks
        ]
    print_rows(columns, rows, style)
