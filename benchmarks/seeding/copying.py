"""Copies of rows in a server's SQLite database, with other identities and other times.

A server itself made the rows that are copied, so nothing here knows what a row of it looks like:
a column that a later version adds comes along, and one that it must not repeat fails the insertion.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_UUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}(-?)(?:[0-9a-f]{4}\1){3}[0-9a-f]{12}(?![0-9a-f])", re.ASCII
)
"""Also a digest of the same length, which is as particular to its row."""
_TIME_TYPES = frozenset({"TIMESTAMP", "DATETIME"})
_FIRST_YEAR = 2000
"""What is earlier is a duration, which Prefect keeps as a time after 1970."""
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the server made it."""

    table: str
    cells: Mapping[str, object]
    times: Collection[str]
    """Columns that hold instants, UTC."""


def read_rows(
    connection: sqlite3.Connection, table: str, where: str, *parameters: object
) -> list[Row]:
    """The rows of a table, but for a number that the database itself gives each."""
    columns = connection.execute(
        "SELECT name, type, pk FROM pragma_table_info(?)", (table,)
    ).fetchall()
    keys = [(name, kind) for name, kind, is_key in columns if is_key]
    given = keys[0][0] if len(keys) == 1 and keys[0][1] == "INTEGER" else None
    kept = [name for name, _, _ in columns if name != given]
    times = frozenset(name for name, kind, _ in columns if kind in _TIME_TYPES)
    listed = ", ".join(f'"{name}"' for name in kept)
    found = connection.execute(f"SELECT {listed} FROM {table} WHERE {where}", parameters)  # noqa: S608
    return [Row(table, dict(zip(kept, cells, strict=True)), times) for cells in found]


class Template:
    """Rows that belong together, prepared for copying."""

    def __init__(self, rows: Sequence[Row], names: Collection[str] = ()) -> None:
        """
        Args:
            names: what is replaced wherever it stands in a text, beside every UUID.
        """
        cells = [cell for row in rows for cell in row.cells.values() if isinstance(cell, str)]
        uuids = {match[0] for cell in cells for match in _UUID.finditer(cell)}
        self.identities = frozenset(uuids | set(names))
        """What a copy has others of."""
        pattern = re.compile("|".join(sorted(map(re.escape, self.identities), key=len)[::-1]))
        self._rows = [_PreparedRow(row, pattern if self.identities else None) for row in rows]
        self.begin = min(begin for row in self._rows if (begin := row.begin) is not None)
        """The earliest instant in it, UTC."""

    def copy(
        self, identities: Mapping[str, str], shift: timedelta = timedelta(0)
    ) -> Iterator[tuple[str, list[object]]]:
        """Tables and rows with other `identities`, one for each of the template's, and instants
        later by `shift`."""
        for row in self._rows:
            yield row.table, row.copy(identities, shift)

    def columns(self) -> dict[str, tuple[str, ...]]:
        """By table."""
        return {row.table: row.columns for row in self._rows}


class _PreparedRow:
    def __init__(self, row: Row, identities: re.Pattern[str] | None) -> None:
        self.table = row.table
        self.columns = tuple(row.cells)
        self._cells = list(row.cells.values())
        self._times: list[tuple[int, datetime]] = []
        self._texts: list[tuple[int, list[str], list[str]]] = []
        """Position, what stands between identities, and these."""
        for place, (column, cell) in enumerate(row.cells.items()):
            if not isinstance(cell, str):
                continue
            if column in row.times:
                time = datetime.fromisoformat(cell)
                if time.year >= _FIRST_YEAR:
                    self._times.append((place, time))
            elif identities and (found := identities.findall(cell)):
                self._texts.append((place, identities.split(cell), found))

    @property
    def begin(self) -> datetime | None:
        return min((time.replace(tzinfo=UTC) for _, time in self._times), default=None)

    def copy(self, identities: Mapping[str, str], shift: timedelta) -> list[object]:
        cells = self._cells.copy()
        for place, time in self._times:
            cells[place] = (time + shift).isoformat(" ", "microseconds")
        for place, between, found in self._texts:
            parts = between.copy()
            for number, identity in enumerate(found):
                parts[number] += identities[identity]
            cells[place] = "".join(parts)
        return cells


def new_uuids(
    old: Collection[str], chance: random.Random, shift: timedelta = timedelta(0)
) -> dict[str, str]:
    """Another one for each, written in the same way; one that begins with its time keeps it, later
    by `shift`."""
    return {uuid: _new_uuid(uuid, chance, shift) for uuid in old}


def _new_uuid(old: str, chance: random.Random, shift: timedelta) -> str:
    digits = old.replace("-", "")
    made = f"{chance.getrandbits(128):032x}"
    if digits[12] == "7":
        made = f"{int(digits[:12], 16) + shift // timedelta(milliseconds=1):012x}{made[12:]}"
    made = f"{made[:12]}{digits[12]}{made[13:]}"
    if len(old) == len(digits):
        return made
    return f"{made[:8]}-{made[8:12]}-{made[12:16]}-{made[16:20]}-{made[20:]}"


class Inserter:
    """Inserts rows in large numbers, for a database that nobody else has open."""

    def __init__(self, connection: sqlite3.Connection, templates: Collection[Template]) -> None:
        self._connection = connection
        self._columns: dict[str, tuple[str, ...]] = {}
        for template in templates:
            self._columns |= template.columns()
        self._waiting: defaultdict[str, list[list[object]]] = defaultdict(list)
        self._count = 0

    def insert(self, rows: Iterator[tuple[str, list[object]]]) -> None:
        for table, row in rows:
            self._waiting[table].append(row)
            self._count += 1
        if self._count >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        for table, rows in self._waiting.items():
            columns = self._columns[table]
            named = ", ".join(f'"{column}"' for column in columns)
            marks = ", ".join("?" * len(columns))
            self._connection.executemany(f"INSERT INTO {table} ({named}) VALUES ({marks})", rows)  # noqa: S608
        self._waiting.clear()
        self._count = 0
