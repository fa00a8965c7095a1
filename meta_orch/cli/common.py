"""What several commands share: which file, which instances, and where they print."""

from __future__ import annotations

from difflib import get_close_matches
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from meta_orch.cli.tables import FORMATS, Columns, Rows, print_table
from meta_orch.config import InstanceConfig, MetaOrchConfig

if TYPE_CHECKING:
    from meta_orch.store import Store

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration.  [default: $META_ORCH_CONFIG, else meta_orch.yaml]",
)
format_option = click.option(
    "-f",
    "--format",
    "style",
    type=click.Choice(["table", *FORMATS]),
    default="table",
    show_default=True,
    help="How to print the answer.",
)
instances_argument = click.argument("instances", nargs=-1, metavar="[INSTANCE]...")


_WITHOUT_LIMIT = 10_000


def output(*, wide: bool = False) -> Console:
    """For results: standard output. Made anew each time, so that tests and pipes get theirs.

    Args:
        wide: lines may be of any length where no terminal limits them.
    """
    console = Console(highlight=False)
    if wide and not console.is_terminal:
        console.width = _WITHOUT_LIMIT
    return console


def print_rows(columns: Columns, rows: Rows, style: str) -> None:
    """Print what a command found, as `format_option` has it."""
    if style == "table":
        print_table(output(wide=True), columns, rows)
    else:
        click.echo(FORMATS[style](columns, rows), nl=False)


def progress() -> Console:
    """For what passes: standard error."""
    return Console(highlight=False, stderr=True)


def choose_instances(config: MetaOrchConfig, names: tuple[str, ...]) -> tuple[InstanceConfig, ...]:
    """The instances of those names, in the order of the file; all of them for no name.

    Raises:
        click.ClickException: the file has no instances.
        click.BadParameter: it has none of that name.
    """
    known = [instance.name for instance in config.instances]
    if not known:
        raise click.ClickException(
            "the configuration names no instances: add one under `instances`, "
            "see docs/configuration.md"
        )
    for name in names:
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            meant = f"did you mean {nearest[0]}?" if nearest else f"there are: {', '.join(known)}"
            raise click.BadParameter(f"no instance is named {name!r}; {meant}")
    return tuple(i for i in config.instances if not names or i.name in names)


def acting_user() -> str:
    """Who types this, for what is recorded."""
    try:
        return getuser()
    except (ImportError, KeyError, OSError):  # a container's user may have no name
        return "somebody"


def open_store(path: Path) -> Store:
    """The store that is there.

    Raises:
        click.ClickException: there is none yet.
    """
    from meta_orch.store import Store

    if not path.exists():
        raise click.ClickException(
            f"there is no store at {path} yet: `meta-orch sync` makes it, and so do Dagster's "
            "sensors"
        )
    return Store(path)
