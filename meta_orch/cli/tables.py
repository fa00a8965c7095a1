"""Tables as text: for people, for spreadsheets, for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Columns = Sequence[str]
Rows = Sequence[Sequence[Any]]

_NARROWEST_COLUMN = 10


def print_table(console: Console, columns: Columns, rows: Rows) -> None:
    """A table, or where the terminal has no room for so many columns, a block for each row."""
    if console.is_terminal and len(columns) * _NARROWEST_COLUMN > console.width:
        if not rows:
            console.print(escape(", ".join(columns)))
        for number, row in enumerate(rows, start=1):
            console.rule(f"row {number:,}", style="dim", align="left")
            block = Table.grid(padding=(0, 2))
            for column, value in zip(columns, row, strict=True):
                block.add_row(f"[bold]{escape(column)}[/]", escape(_for_people(value)))
            console.print(block)
    else:
        table = Table(*map(escape, columns), header_style="bold")
        for row in rows:
            table.add_row(*(escape(_for_people(value)) for value in row))
        console.print(table)
    console.print(f"{len(rows):,} row{'s' if len(rows) != 1 else ''}", style="dim")


def as_csv(columns: Columns, rows: Rows) -> str:
    """With a header; nothing for a null, ISO 8601 for an instant, JSON for what nests."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_for_programs(value) for value in row] for row in rows)
    return text.getvalue()


def as_json(columns: Columns, rows: Rows) -> str:
    """A list with an object for each row."""
    objects = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
    return json.dumps(objects, indent=2, ensure_ascii=False) + "\n"


def as_markdown(columns: Columns, rows: Rows) -> str:
    """A table for a page or a ticket."""
    lines = [columns, ["---"] * len(columns), *([_for_people(v) for v in row] for row in rows)]
    return "".join(f"| {' | '.join(map(_in_markdown, line))} |\n" for line in lines)


FORMATS: Mapping[str, Callable[[Columns, Rows], str]] = {
    "csv": as_csv,
    "json": as_json,
    "markdown": as_markdown,
}


def _for_people(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(_for_programs(value))


def _for_programs(value: Any) -> Any:
    if value is None:
        return ""
    plain = _plain(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict | list) else plain


def _plain(value: Any) -> Any:
    """As JSON can hold it."""
    match value:
        case None | bool() | int() | str():
            plain: Any = value
        case float():
            plain = value if math.isfinite(value) else None
        case datetime():
            plain = value.isoformat()
        case timedelta():
            plain = value.total_seconds()
        case Mapping():
            plain = {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            plain = [_plain(item) for item in value]
        case _:
            plain = str(value)
    return plain


def _in_markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>")
