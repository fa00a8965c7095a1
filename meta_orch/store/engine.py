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
_FRUGAL = "SET threads = 1; SET memory_limit = '64MB'"
"""By trial: with less, a part of a first load does not fit; with more, the process grows with what
is stored."""
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Engine:
    path: Path
    """The file that it is for."""
    connection: duckdb.DuckDBPyConnection
    memory_limit: str
    """What it was made with. `RESET memory_limit` only says that it does so, up to DuckDB 1.5."""

    def limit(self, *, frugal: bool) -> None:
        everything = f"RESET threads; SET memory_limit = '{self.memory_limit}'"
        self.connection.execute(_FRUGAL if frugal else everything)


_idle: _Engine | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that is held."""

    connection: duckdb.DuckDBPyConnection
    """Its own database is the file; instants are read as UTC."""
    _engine: _Engine

    def release(self) -> None:
        """Let others have the file. What was begun and not committed is undone."""
        self.connection.close()
        try:
            self._engine.connection.execute(f"DETACH {_NAME}")
        except duckdb.Error:  # of no use any more, such as after a fault
            self._engine.connection.close()
        else:
            _keep(self._engine)


def attach(path: Path, *, read_only: bool, frugal: bool = False) -> Attached:
    """Args:
        frugal: with one thread and little memory.

    Raises:
        duckdb.IOException: another process holds the file, or it is no database.
    """
    engine = _take(path)
    engine.limit(frugal=frugal)
    connection = engine.connection.cursor()  # with settings and temporary tables of its own
    quoted = str(path).replace("'", "''")
    how = "READ_ONLY" if read_only else "READ_WRITE"
    try:
        connection.execute(f"ATTACH '{quoted}' AS {_NAME} (TYPE duckdb, {how})")
    except duckdb.Error:
        connection.close()
        _keep(engine)
        raise
    connection.execute(f"USE {_NAME}")
    return Attached(connection, engine)


def _take(path: Path) -> _Engine:
    global _idle  # one a process, as is what it keeps
    with _guard:
        kept, _idle = _idle, None
    if kept is not None:
        if kept.path == path:
            return kept
        kept.connection.close()
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",  # only adapters and alerts open sockets
            "temp_directory": f"{path}.tmp",  # as of a file that is opened by itself
        }
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    ((memory_limit,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    return _Engine(path, connection, memory_limit)


def _keep(engine: _Engine) -> None:
    global _idle  # as above
    with _guard:
        former, _idle = _idle, engine
    if former is not None:
        former.connection.close()


def close_idle() -> None:
    """Close the one that is kept, if any."""
    global _idle  # as above
    with _guard:
        former, _idle = _idle, None
    if former is not None:
        former.connection.close()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    # In the child its threads would be missing, and closing it there would end the process.
    os.register_at_fork(before=close_idle)
