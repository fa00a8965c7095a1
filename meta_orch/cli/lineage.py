"""`meta-orch impact` and `meta-orch why`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click
from rich.markup import escape

from meta_orch.cli.assets import known_asset
from meta_orch.cli.common import config_option, format_option, open_store, output, print_rows
from meta_orch.config import load_config
from meta_orch.domain.edges import AssetPath, path_text
from meta_orch.domain.runs import Run


@click.command()
@click.argument("pipeline")
@config_option
@format_option
def impact(pipeline: str, config_path: Path | None, style: str) -> None:
    """What depends on PIPELINE, directly or not, in whichever orchestrator: what a failure of it
    reaches."""
    from meta_orch.dependencies import Lineage
    from meta_orch.dependencies.reading import edges_in_effect, known_pipelines
    from meta_orch.dependencies.tracing import impact as find_impact

    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        edges = edges_in_effect(reader, config, known_pipelines(reader, config))
        asset = known_asset(pipeline, reader, edges)
        latest = _by_path(reader.latest_runs(finished=True).values())
    columns = ("steps", "pipeline", "last run", "depends on", "evidence")
    rows = [
        (
            reached.distance,
            path_text(reached.asset),
            _said(latest.get(reached.asset)),
            path_text(reached.edge.upstream),
            reached.edge.evidence,
        )
        for reached in find_impact(asset, Lineage(edges))
    ]
    print_rows(columns, rows, style)


@click.command()
@click.argument("pipeline")
@config_option
def why(pipeline: str, config_path: Path | None) -> None:
    """Where the trouble of PIPELINE begins: what failed upstream of it, in whichever orchestrator,
    with nothing before that having failed."""
    from meta_orch.dependencies import Lineage
    from meta_orch.dependencies.reading import edges_in_effect, known_pipelines
    from meta_orch.dependencies.tracing import root_causes

    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        edges = edges_in_effect(reader, config, known_pipelines(reader, config))
        asset = known_asset(pipeline, reader, edges)
        latest = _by_path(reader.latest_runs(finished=True).values())
        causes = root_causes(asset, Lineage(edges), latest)
        failed_tasks = {
            cause.asset: [t.task for t in reader.task_runs(cause.run.key) if t.state.is_failure]
            for cause in causes
        }
    console = output()
    name = escape(path_text(asset))
    console.print(f"[bold]{name}[/]: {escape(_said(latest.get(asset)) or 'no run is known')}")
    if not causes:
        count = len(Lineage(edges).upstream(asset))
        console.print(f"Nothing has failed in the {count:,} that it depends on.")
    for cause in causes:
        tasks = ", ".join(dict.fromkeys(failed_tasks[cause.asset]))
        at = f" at {tasks}" if tasks else ""
        console.print(
            f"[red]cause[/] {escape(path_text(cause.asset))}: {escape(_said(cause.run) + at)}"
        )
        if cause.run.message:
            console.print(f"      {escape(cause.run.message)}")
        if cause.run.url:
            console.print(f"      {escape(cause.run.url)}")
        for edge in cause.way:
            console.print(
                f"  -> {escape(path_text(edge.downstream))} [dim]({escape(edge.evidence)})[/]"
            )


def _by_path(runs: Iterable[Run]) -> Mapping[AssetPath, Run]:
    return {run.key.pipeline.path: run for run in runs}


def _said(run: Run | None) -> str:
    if run is None:
        return ""
    at = f" at {run.ended_at:%Y-%m-%d %H:%M:%S} UTC" if run.ended_at else ""
    return f"{run.native_state}{at}"
