"""What a person sees of the long steps: which one is under way, and how long each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Say = Callable[[str], None]


class Steps:
    """Runs one step after the other, each with a spinner on a terminal, and lines elsewhere."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._took: list[tuple[str, float]] = []

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Gives a function that says in a few words what the step is doing now."""
        start = self._clock()
        with self._spinner(title) if self._console.is_terminal else self._lines(title) as say:
            yield say
        seconds = self._clock() - start
        self._took.append((title, seconds))
        self._console.print(f"[green]✓[/green] {escape(title)} [dim]{seconds:.1f} s[/dim]")

    @contextmanager
    def _spinner(self, title: str) -> Iterator[Say]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(escape(title), total=None)

            def say(text: str) -> None:
                progress.update(task, description=f"{escape(title)}: [dim]{escape(text)}[/dim]")

            yield say

    @contextmanager
    def _lines(self, title: str) -> Iterator[Say]:
        def say(text: str) -> None:
            self._console.print(f"  {escape(text)}", soft_wrap=True)

        self._console.print(f"{escape(title)} …", soft_wrap=True)
        yield say

    def table(self) -> Table:
        """How long each finished step took, and all of them."""
        table = Table("Step", title="How long it took", show_footer=True)
        table.columns[0].footer = "All"
        table.add_column("Seconds", f"{sum(took for _, took in self._took):.1f}", justify="right")
        for title, took in self._took:
            table.add_row(escape(title), f"{took:.1f}")
        return table
