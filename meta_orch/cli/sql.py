"""`meta-orch sql`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meta_orch.cli.common import config_option, format_option, open_store, print_rows
from meta_orch.config import load_config
from meta_orch.domain.errors import MetaOrchError

if TYPE_CHECKING:
    from meta_orch.store import Store

_HELP = """\
.tables          the views, and what a row of each is
.schema VIEW     the columns of a view
.quit            leave (also Ctrl-D)
Anything else is SQL and ends with a semicolon: SELECT state, count(*) FROM runs GROUP BY state;
"""


@click.command()
@click.argument("query", required=False)
@config_option
@format_option
def sql(query: str | None, config_path: Path | None, style: str) -> None:
    """Ask the store in SQL. It is opened read-only.

    Without QUERY it reads standard input, and in a terminal it prompts. The views are described in
    docs/store.md; `.tables` lists them. All times are UTC.

    \b
    meta-orch sql "SELECT instance, state, count(*) FROM runs GROUP BY ALL"
    meta-orch sql .tables
    meta-orch sql --format csv "FROM pipelines" > pipelines.csv
    """
    store = open_store(load_config(config_path).store.path)
    if query is not None:
        _answer(store, query, style)
    elif _is_terminal():
        _prompt(store, style)
    else:
        _answer(store, sys.stdin.read(), style)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _answer(store: Store, text: str, style: str) -> None:
    """Print what one query or dot command gives."""
    command, _, argument = text.strip().rstrip(";").partition(" ")
    with store.read() as reader:
        if command == ".tables":
            answer = reader.views()
        elif command == ".schema":
            view = argument.strip().replace('"', '""')
            answer = reader.answer(f'SELECT column_name, column_type FROM (DESCRIBE "{view}")')  # noqa: S608  # the name is quoted, and it is the person's own store
        elif command.startswith("."):
            raise click.ClickException(f"there is no command {command}; there are:\n{_HELP}")
        else:
            answer = reader.answer(text)
    print_rows(answer.columns, answer.rows, style)


def _prompt(store: Store, style: str) -> None:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  # gives `input` its history and editing

    click.echo(f"{store.path}, read-only. .help helps.")
    for text in _statements():
        if text.rstrip(";") == ".help":
            click.echo(_HELP, nl=False)
            continue
        try:
            _answer(store, text, style)
        except (MetaOrchError, click.ClickException) as error:
            click.secho(str(error), fg="red", err=True)


def _statements() -> Iterator[str]:
    """What a person types, a statement or a dot command at a time. Ctrl-C drops what was begun."""
    lines: list[str] = []
    while True:
        try:
            line = input("   ...> " if lines else "meta> ").strip()
        except KeyboardInterrupt:
            click.echo()
            lines = []
            continue
        except EOFError:
            click.echo()
            return
        if not lines and line in {".quit", ".exit"}:
            return
        if line:
            lines.append(line)
        if line.endswith(";") or (len(lines) == 1 and line.startswith(".")):
            yield "\n".join(lines)
            lines = []
