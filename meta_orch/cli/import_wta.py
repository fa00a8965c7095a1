"""`meta-orch import-wta`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from meta_orch.cli.common import config_option, output
from meta_orch.config import load_config


@click.command("import-wta")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--instance", required=True, help="What the trace is called in the store.")
@click.option(
    "--begin",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2026-01-01",
    show_default=True,
    help="The day (UTC) that its times count from.",
)
@config_option
def import_wta(folder: Path, instance: str, begin: datetime, config_path: Path | None) -> None:
    """Keep a trace of the Workflow Trace Archive in the store, to try the analytics on what others
    have recorded.

    FOLDER holds workflows/ and tasks/ with Parquet files. Best into a store of its own.
    """
    from meta_orch.store import Store
    from meta_orch.store.wta import import_wta as keep

    config = load_config(config_path)
    path = config.store.path
    path.parent.mkdir(parents=True, exist_ok=True)
    runs = keep(Store(path), folder, instance, begin.replace(tzinfo=UTC))
    output().print(f"{runs:,} runs of {instance} are in {path}")
