"""`meta-orch` itself: which commands there are, and how an error reaches a person."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Any

import click

from meta_orch.domain.errors import MetaOrchError

COMMANDS = {
    "init": "meta_orch.cli.init:init",
    "check": "meta_orch.cli.check:check",
    "sync": "meta_orch.cli.sync:sync",
    "reconcile": "meta_orch.cli.reconcile:reconcile",
    "edges": "meta_orch.cli.edges:edges",
    "gate": "meta_orch.cli.gate:gate",
    "holds": "meta_orch.cli.actions:holds",
    "actions": "meta_orch.cli.actions:actions",
    "undo": "meta_orch.cli.actions:undo",
    "impact": "meta_orch.cli.lineage:impact",
    "why": "meta_orch.cli.lineage:why",
    "sla": "meta_orch.cli.sla:sla",
    "predict": "meta_orch.cli.predict:predict",
    "critical-path": "meta_orch.cli.critical_path:critical_path",
    "resources": "meta_orch.cli.resources:resources",
    "conflicts": "meta_orch.cli.contention:conflicts",
    "stagger": "meta_orch.cli.contention:stagger",
    "report": "meta_orch.cli.report:report",
    "incidents": "meta_orch.cli.incidents:incidents",
    "silence": "meta_orch.cli.silence:silence",
    "alerts": "meta_orch.cli.alerts:alerts",
    "prune": "meta_orch.cli.prune:prune",
    "import-wta": "meta_orch.cli.import_wta:import_wta",
    "sql": "meta_orch.cli.sql:sql",
    "schema": "meta_orch.cli.schema:schema",
    "demo": "meta_orch.demo.command:demo",
}
"""In the order that one needs them. Their modules import what is slow where they use it, so that
`--help` is quick (a test holds them to it)."""


class _Commands(click.Group):
    """A group that imports a command when it is called for, and prints an expected error without
    its traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(import_module(module), name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MetaOrchError as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `meta-orch init`, then `meta-orch check`. To only look around: "
    "`meta-orch demo`.",
)
@click.version_option(package_name="meta_orch", message="%(prog)s %(version)s")
def main() -> None:
    """Every Airflow DAG, Prefect flow and Dagster job in one Dagster.

    The configuration is meta_orch.yaml in the working directory, or the file that --config or
    $META_ORCH_CONFIG names.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a mark that a terminal lacks is no error
            stream.reconfigure(errors="replace")
