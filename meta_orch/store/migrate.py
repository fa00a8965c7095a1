"""Bringing a store's file to the schema of this version."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import duckdb

from meta_orch.store.errors import StoreTooNew, StoreUnusable
from meta_orch.store.sql import migrations

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_version (
  version INTEGER, migration VARCHAR, applied_at TIMESTAMPTZ, applied_by VARCHAR
)
"""


def needs_migration(connection: duckdb.DuckDBPyConnection, path: object) -> bool:
    """Whether the file is of an older schema.

    Raises:
        StoreTooNew: it is of a newer one.
        StoreUnusable: it is a DuckDB file that meta_orch did not make.
    """
    found, applied_by = _version(connection, path)
    newest = migrations()[-1].number
    if found > newest:
        raise StoreTooNew(
            f"{path} was written by meta_orch {applied_by} (schema {found}), and this is meta_orch "
            f"{_own_version()} (schema {newest}): install meta_orch {applied_by} or newer, "
            "or set store.path in meta_orch.yaml to another file"
        )
    return found < newest


def migrate(connection: duckdb.DuckDBPyConnection, path: object) -> None:
    """Apply what is missing, each migration in a transaction of its own."""
    connection.execute(_CREATE)
    found, _ = _version(connection, path)
    own_version = _own_version()
    for migration in migrations():
        if migration.number > found:
            connection.begin()
            connection.execute(migration.script)
            connection.execute(
                "INSERT INTO schema_version VALUES (?, ?, ?, ?)",
                [migration.number, migration.name, datetime.now(UTC), own_version],
            )
            connection.commit()


def _version(connection: duckdb.DuckDBPyConnection, path: object) -> tuple[int, str]:
    try:
        found = connection.execute(
            "SELECT version, applied_by FROM schema_version ORDER BY version DESC LIMIT 1"
        ).fetchone()
    except duckdb.CatalogException:
        if not connection.execute("SHOW TABLES").fetchone():
            return 0, ""
        raise StoreUnusable(
            f"{path} is a DuckDB file of something else: set store.path in meta_orch.yaml to a "
            "file of its own"
        ) from None
    return found or (0, "")


def _own_version() -> str:
    try:
        return version("meta_orch")
    except PackageNotFoundError:
        return "unknown"
