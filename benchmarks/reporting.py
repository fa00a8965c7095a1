"""What a benchmark found, on the terminal and in `docs/benchmarks.md`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from rich import box
from rich.console import Console, Group
from rich.table import Table as RichTable

_SECTION = re.compile(r"<!-- benchmark: (?P<name>\w+) -->\n.*?<!-- end: (?P=name) -->\n", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """Figures in rows; the first column says what a row is of."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Section:
    """What one benchmark found."""

    name: str
    """What `--only` calls it by."""
    title: str
    method: str
    """What was done, what the yardstick is, and what the figures do not say."""
    tables: Sequence[Table]
    facts: Sequence[str]
    """Date, machine, versions."""

    def to_markdown(self) -> str:
        return "\n\n".join(
            (
                f"<!-- benchmark: {self.name} -->\n## {self.title}",
                paragraphs(self.method),
                *(_markdown(table) for table in self.tables),
                "\n".join(f"- {fact}" for fact in self.facts),
                f"<!-- end: {self.name} -->\n",
            )
        )

    def print_to(self, console: Console) -> None:
        console.rule(self.title)
        console.print(Group(*(_rich(table) for table in self.tables)))
        console.print(*self.facts, sep="\n", style="dim", highlight=False)


def paragraphs(text: str) -> str:
    """A docstring as Markdown."""
    return dedent(text).strip()


def write_sections(file: Path, introduction: str, sections: Iterable[Section]) -> None:
    """Put each section in the place of the one of its name, or at the end; the others stay, so that
    one benchmark can be repeated alone."""
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    texts = {match["name"]: match[0] for match in _SECTION.finditer(kept)}
    texts |= {section.name: section.to_markdown() for section in sections}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join((paragraphs(introduction) + "\n", *texts.values())), encoding="utf-8")


def _markdown(table: Table) -> str:
    lines = [
        f"**{table.title}**",
        "",
        _line(table.columns),
        _line("---" if number == 0 else "---:" for number in range(len(table.columns))),
        *(_line(row) for row in table.rows),
    ]
    return "\n".join(lines)


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", box=box.SIMPLE)
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if number == 0 else "right")
    for row in table.rows:
        shown.add_row(*(str(cell) for cell in row))
    return shown
