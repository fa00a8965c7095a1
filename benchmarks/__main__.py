"""`python -m benchmarks`: run them, print what they found, and write it down."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import click
from rich.console import Console

from benchmarks import (
    alerts,
    analysis,
    asset_graph,
    gates,
    initial_load,
    latency,
    location_load,
    mirroring,
    peer,
    quiet_tick,
)
from benchmarks.machine import describe_load, describe_machine, describe_versions, today
from benchmarks.reporting import Section, write_sections
from benchmarks.settings import Settings
from meta_orch.demo.processes import signals_as_exceptions
from meta_orch.domain.errors import MetaOrchError

BENCHMARKS: Sequence[ModuleType] = (
    location_load,
    asset_graph,
    gates,
    alerts,
    analysis,
    quiet_tick,
    latency,
    initial_load,
    mirroring,
    peer,
)
NAMES = tuple(benchmark.NAME for benchmark in BENCHMARKS)
DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"

INTRODUCTION = """
    # Benchmarks

    `make benchmark` (or `python -m benchmarks`) measured all of this and wrote it here; `--only`
    repeats one part, and `--quick` tells in a few minutes whether they work. The code is in
    `benchmarks/`, one module a benchmark.

    Every figure stands beside a yardstick that was measured in the same run, for only the ratio
    means something on another machine. Where there are several repetitions it is their median, with
    the least and the most behind it. CPU seconds are user and system together and are the steadier
    ones: wall seconds grow when the machine has something else to do.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Small sizes; nothing is written down by itself.")
@click.option("--only", type=click.Choice(NAMES), multiple=True, help="Run this one; repeatable.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write to.  [default: docs/benchmarks.md, and none with --quick]",
)
def main(quick: bool, only: tuple[str, ...], output: Path | None) -> None:
    """Measure meta_orch beside yardsticks, and write down what came of it."""
    console = Console()
    logging.disable(logging.INFO)  # Dagster logs each tick
    chosen = [benchmark for benchmark in BENCHMARKS if benchmark.NAME in (only or NAMES)]
    if output is None and not quick:
        output = DOCUMENT
    try:
        with signals_as_exceptions(), TemporaryDirectory(prefix="meta_orch_") as temporary:
            for benchmark in chosen:
                folder = Path(temporary) / benchmark.NAME
                section = _measure(benchmark, folder, console, quick=quick)
                section.print_to(console)
                if output is not None:
                    write_sections(output, INTRODUCTION, [section])
    except MetaOrchError as error:
        raise click.ClickException(str(error)) from None
    if output is not None:
        console.print(f"Written to {output}")


def _measure(benchmark: ModuleType, folder: Path, console: Console, *, quick: bool) -> Section:
    folder.mkdir()
    settings = Settings.quick(folder) if quick else Settings(folder)
    load = describe_load()
    begin = time.monotonic()
    with console.status(benchmark.TITLE) as status:

        def say(text: str) -> None:
            console.print(f"{time.monotonic() - begin:5.0f} s  {text}", style="dim")
            status.update(f"{benchmark.TITLE}: {text}")

        tables = benchmark.run(settings, say)
    facts = [f"{today()}; {describe_versions()}", describe_machine(), load]
    if quick:
        facts.append("a quick run: too small and too few for its figures to mean much")
    return Section(benchmark.NAME, benchmark.TITLE, benchmark.METHOD, tables, facts)


if __name__ == "__main__":
    main()
