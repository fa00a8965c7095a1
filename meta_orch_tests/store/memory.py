"""An empty store in memory, for the tests that need hundreds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import duckdb

from meta_orch.store import Store, StoreReader, StoreWriter
from meta_orch.store.migrate import migrate


@contextmanager
def fresh_store() -> Iterator[StoreWriter]:
    """A store whose content is forgotten when the `with` is left."""
    connection = _connection()
    connection.begin()
    try:
        yield StoreWriter(connection)
    finally:
        connection.rollback()


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={"threads": 1}
    )  # for a few rows, threads cost more than they bring
    connection.execute("SET TimeZone = 'UTC'")
    migrate(connection, "memory")
    return connection


class MemoryStore(Store):
    """A store in memory, for one process and as long as its `fresh_store` is open."""

    def __init__(self, writer: StoreWriter) -> None:
        super().__init__("memory")
        self._writer = writer
        self.transactions = 0
        """How many were written."""

    @contextmanager
    def read(self) -> Iterator[StoreReader]:
        yield self._writer

    @contextmanager
    def _write(self, *, frugal: bool = False) -> Iterator[StoreWriter]:
        yield self._writer
        self.transactions += 1
