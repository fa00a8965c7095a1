"""`meta-orch prune`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from meta_orch.cli.common import config_option, open_store, output
from meta_orch.config import load_config


@click.command()
@config_option
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def prune(config_path: Path | None, dry_run: bool) -> None:
    """Remove from the store what is older than `store.retention` keeps, and make its file smaller.

    Dagster does the same by a job on a schedule.
    """
    config = load_config(config_path).store
    store = open_store(config.path)
    now = datetime.now(UTC)
    if dry_run:
        with store.read() as reader:
            expired = reader.expired(config.retention, now)
        would = "would be "
    else:
        with store.write() as writer:
            expired = writer.forget_expired(config.retention, now)
        would = ""
    output().print(f"{expired.runs:,} runs and {expired.task_runs:,} task runs {would}removed")
    if config.retention.runs is None and config.retention.task_runs is None:
        output().print("(`store.retention` in meta_orch.yaml keeps all)")
    if not dry_run and (compaction := store.compact()):
        before, after = compaction.before / 1e6, compaction.after / 1e6
        output().print(f"{store.path}: from {before:,.1f} to {after:,.1f} MB")
