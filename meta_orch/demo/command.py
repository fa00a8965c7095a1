"""`meta-orch demo`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from meta_orch.domain.errors import MetaOrchError

_EXTRA = {"platformdirs", "psutil", "uv"}
"""What the `demo` extra brings."""


@click.command()
@click.option(
    "--until-ready",
    is_flag=True,
    help="Stop by itself, with exit status 0, once Dagster shows everything that it should.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Of Dagster's UI.  [default: a free one]"
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="For data and logs; a later start goes on with it.  [default: one that is removed]",
)
def demo(until_ready: bool, port: int | None, folder: Path | None) -> None:
    """Start real Airflow, Prefect and Dagster servers with sample pipelines.

    Airflow and Prefect are installed first, into the user's cache folder ($META_ORCH_CACHE moves
    it). All servers listen on this machine only. Ctrl-C stops them.
    """
    try:
        from meta_orch.demo.demonstration import hold, running, watch
        from meta_orch.demo.processes import signals_as_exceptions
        from meta_orch.demo.steps import Steps
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise click.ClickException(
            "the demonstration needs its extra: pip install 'meta_orch[demo]'"
        ) from error

    console = Console(highlight=False)
    steps = Steps(console)
    is_ready = False
    try:
        with (
            signals_as_exceptions(),
            _folder(folder, console) as place,
            hold(place),
            running(place, port=port, steps=steps) as story,
        ):
            console.print(f"\n  [bold]{story.dagster.url}[/bold]\n", soft_wrap=True)
            story.go_on()
            is_ready = True
            if not until_ready:
                _invite(console, place)
                watch(story)
    except KeyboardInterrupt:
        if not is_ready:
            raise
    except MetaOrchError:  # one is an OSError, too, and says more than that does
        raise
    except OSError as error:  # a full disk, a folder that may not be written to
        raise click.ClickException(f"{error.strerror}: {error.filename or folder}") from error
    if until_ready:
        console.print(steps.table())


def _invite(console: Console, folder: Path) -> None:
    console.print(
        "Everything is there. Airflow and Prefect ask for a login: the user is [bold]admin[/bold], "
        f"the passwords are in {escape(str(folder / 'secrets.env'))}. Ctrl-C stops all of it.",
        soft_wrap=True,
    )


@contextmanager
def _folder(chosen: Path | None, console: Console) -> Iterator[Path]:
    """The chosen folder, or one that is removed unless something failed in it."""
    if chosen is not None:
        yield chosen
        return
    folder = Path(tempfile.mkdtemp(prefix="meta_orch_demo_"))
    try:
        yield folder
    except Exception:
        console.print(f"The logs are kept in {escape(str(folder))}.", soft_wrap=True)
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
