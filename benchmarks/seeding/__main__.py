"""`python -m benchmarks.seeding`: a server's folder with so many pipelines and runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.seeding import Extent, seed_airflow, seed_prefect
from meta_orch.demo.environments import AIRFLOW, PREFECT, ensure_environment

_SEEDERS = {"airflow": (seed_airflow, AIRFLOW), "prefect": (seed_prefect, PREFECT)}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("orchestrator", type=click.Choice(list(_SEEDERS)))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--pipelines", default=100, show_default=True)
@click.option("--runs", default=20_000, show_default=True)
@click.option("--tasks", default=3, show_default=True, help="Task runs of each run.")
def main(orchestrator: str, folder: Path, pipelines: int, runs: int, tasks: int) -> None:
    """Make FOLDER with the database of a server that has so much behind it."""
    seed, requirements = _SEEDERS[orchestrator]
    extent = Extent(pipelines, runs, tasks)
    seed(folder, ensure_environment(requirements), extent, datetime.now(UTC))
    click.echo(f"{folder} holds {pipelines:,} pipelines and {runs:,} runs")


if __name__ == "__main__":
    main()
