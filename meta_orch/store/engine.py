"""The DuckDB of this process, to which a store's file is attached and detached again.

Making a DuckDB takes several times as long as attaching a file to it, so the last one is kept for
whoever opens the same file next.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import duckdb

_NAME = "store"
_guard = threading.Lock()
_idle: tuple[Path, duckdb.DuckDBPyConnection] | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that is held."""

    path: Path
    connection: duckdb.DuckDBPyConnection
    """Its own database is the file; instants are read as UTC."""
    engine: duckdb.DuckDBPyConnection

    def release(self) -> None:
        """Let others have the file. What was begun and not committed is undone."""
        self.connection.close()
        try:
            self.engine.execute(f"DETACH {_NAME}")
        except duckdb.Error:  # of no use any more, such as after a fault
            self.engine.close()
        else:
            _keep(self.path, self.engine)


def attach(path: Path, *, read_only: bool) -> Attached:
    """Raises `duckdb.IOException` where another process holds the file, or it is no database."""
    engine = _take(path)
    connection = engine.cursor()  # with settings and temporary tables of its own
    quoted = str(path).replace("'", "''")
    how = "READ_ONLY" if read_only else "READ_WRITE"
    try:
        connection.execute(f"ATTACH '{quoted}' AS {_NAME} (TYPE duckdb, {how})")
    except duckdb.Error:
        connection.close()
        _keep(path, engine)
        raise
    connection.execute(f"USE {_NAME}")
    return Attached(path, connection, engine)


def _take(path: Path) -> duckdb.DuckDBPyConnection:
    global _idle  # one a process, as is what it keeps
    with _guard:
        kept, _idle = _idle, None
    if kept is not None:
        of, engine = kept
        if of == path:
            return engine
        engine.close()
    engine = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",  # only adapters and alerts open sockets
            "temp_directory": f"{path}.tmp",  # as of a file that is opened by itself
        }
    )
    engine.execute("SET GLOBAL TimeZone = 'UTC'")
    return engine


def _keep(path: Path, engine: duckdb.DuckDBPyConnection) -> None:
    global _idle  # as above
    with _guard:
        former, _idle = _idle, (path, engine)
    if former is not None:
        former[1].close()


def close_idle() -> None:
    """Close the one that is kept, if any."""
    global _idle  # as above
    with _guard:
        former, _idle = _idle, None
    if former is not None:
        former[1].close()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    # In the child its threads would be missing, and closing it there would end the process.
    os.register_at_fork(before=close_idle)
