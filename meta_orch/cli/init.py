"""`meta-orch init`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from pydantic import TypeAdapter, ValidationError

from meta_orch.config.loading import config_file
from meta_orch.config.schema import schema_text
from meta_orch.config.template import SCHEMA_FILE, NewInstance, render
from meta_orch.config.values import InstanceName, Text, Url

_WHAT = {
    "airflow": "An Airflow, by the URL of its UI.",
    "prefect": "A Prefect 3, by the URL of its API, /api included.",
    "dagster": "Another Dagster deployment, by the URL of its webserver.",
}


class _Server(NamedTuple):
    name: str | None
    url: str


class _ServerType(click.ParamType):
    """`[NAME=]URL`."""

    name = "server"

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> _Server:
        if isinstance(value, _Server):
            return value
        before, separator, after = value.partition("=")
        has_name = bool(separator) and ":" not in before
        url = _check(Url, after if has_name else value)
        return _Server(_check(InstanceName, before) if has_name else None, url)


def _check(kind: Any, value: str) -> str:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        (fault,) = error.errors()
        raise click.BadParameter(fault["msg"].removeprefix("Value error, ")) from None


def _server_option(kind: str) -> Callable[[Any], Any]:
    return click.option(
        f"--{kind}",
        type=_ServerType(),
        multiple=True,
        metavar="[NAME=]URL",
        help=f"{_WHAT[kind]} May be repeated.",
    )


@click.command()
@_server_option("airflow")
@_server_option("prefect")
@_server_option("dagster")
@click.option(
    "--this-dagster/--no-this-dagster",
    default=True,
    help="Show the runs of the Dagster that meta_orch runs in, too.  [default: yes]",
)
@click.option("--username", metavar="NAME", help="Who logs in to Airflow.  [default: admin]")
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file to write.  [default: $META_ORCH_CONFIG, else meta_orch.yaml]",
)
@click.option(
    "--schema", "with_schema", is_flag=True, help=f"Write {SCHEMA_FILE} beside it, for editors."
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(
    *,
    airflow: tuple[_Server, ...],
    prefect: tuple[_Server, ...],
    dagster: tuple[_Server, ...],
    this_dagster: bool,
    username: str | None,
    config_path: Path | None,
    with_schema: bool,
    force: bool,
) -> None:
    """Write a commented meta_orch.yaml.

    Without --airflow, --prefect or --dagster it asks. Secrets are written as references to
    environment variables, and it says which ones to set.

    \b
    meta-orch init --airflow prod=https://airflow.example.com --username meta_orch
    meta-orch init --airflow http://localhost:8080 --prefect http://localhost:4200/api
    """
    file = config_file(config_path)
    if file.exists() and not force:
        raise click.ClickException(f"{file} is there already; --force writes over it")
    servers = {"airflow": airflow, "prefect": prefect, "dagster": dagster}
    if not any(servers.values()):
        if not _is_terminal():
            raise click.UsageError(
                "name an orchestrator: --airflow URL, --prefect URL or --dagster URL"
            )
        servers = {kind: tuple(_ask_for_servers(kind)) for kind in servers}
        this_dagster = click.confirm(
            "Show the runs of the Dagster that meta_orch runs in, too?", default=True
        )
        if servers["airflow"] and username is None:
            username = click.prompt("Who logs in to Airflow?", default="admin")
    instances = tuple(
        _name(servers, this_dagster, None if username is None else _check(Text, username))
    )
    _write(file, render(instances, with_schema=with_schema))
    if with_schema:
        _write(file.with_name(SCHEMA_FILE), schema_text())
    _say_what_next(instances)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _ask_for_servers(kind: str) -> Iterator[_Server]:
    """Until nothing more is named."""
    click.echo(_WHAT[kind])
    while server := click.prompt(
        f"  {kind} URL, or Enter for no more",
        default="",
        show_default=False,
        value_proc=lambda text: _ServerType()(text) if text.strip() else None,
    ):
        yield server


def _name(
    servers: dict[str, tuple[_Server, ...]], this_dagster: bool, username: str | None
) -> Iterator[NewInstance]:
    """Give a name to each server that came without: its type, and a number from the second on."""
    given = [server.name for some in servers.values() for server in some if server.name]
    taken = set(given)
    for name in taken:
        if given.count(name) > 1:
            raise click.UsageError(f"{name} is the name of two orchestrators; give each its own")
    wanted: list[tuple[str, _Server | None]] = [
        (kind, server) for kind, some in servers.items() for server in some
    ]
    if this_dagster:
        wanted.append(("dagster", None))
    for kind, server in wanted:
        name = server.name if server and server.name else _free_name(kind, taken)
        taken.add(name)
        url = server.url if server else None
        yield NewInstance(name, kind, url, username if kind == "airflow" else None)


def _free_name(kind: str, taken: set[str]) -> str:
    name, number = kind, 1
    while name in taken:
        number += 1
        name = f"{kind}_{number}"
    return name


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"Wrote {file}.")


def _say_what_next(instances: Iterable[NewInstance]) -> None:
    for instance in instances:
        if instance.variable:
            click.echo(f"Set {instance.variable} in the environment: the login of {instance.name}.")
    click.echo("Then try it: meta-orch check")
