"""Making a store's file smaller: DuckDB reuses the room of what was removed and keeps the file as
large as it ever was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

_FRESH = "compact"


@dataclass(frozen=True, slots=True)
class Compaction:
    """The file's size, in bytes."""

    before: int
    after: int


def free_share(connection: duckdb.DuckDBPyConnection) -> float:
    """Which part of the file holds nothing, from 0 to 1."""
    connection.execute("CHECKPOINT")
    found = connection.execute(
        "SELECT free_blocks, total_blocks FROM pragma_database_size() "
        "WHERE database_name = current_database()"
    ).fetchone()
    free, total = found or (0, 0)
    return free / total if total else 0.0


def copy_into(connection: duckdb.DuckDBPyConnection, draft: Path) -> None:
    """Copy tables, views and comments into a new file, in place of what a kill left there."""
    for left in (draft, draft.with_name(f"{draft.name}.wal")):
        left.unlink(missing_ok=True)
    found = connection.execute("SELECT current_database()").fetchone()
    own = found[0] if found else ""
    path = str(draft).replace("'", "''")
    connection.execute(f"ATTACH '{path}' AS {_FRESH}")
    try:
        name = own.replace('"', '""')
        connection.execute(f'COPY FROM DATABASE "{name}" TO {_FRESH}')
    finally:
        connection.execute(f"DETACH {_FRESH}")
