from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from meta_orch.store import Store
from meta_orch_tests.defs.support import World


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """A Dagster instance whose storage is one SQLite database in memory."""
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def sqlite_instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    """A Dagster instance as people have it without a `dagster.yaml`: SQLite files."""
    home = tmp_path / "dagster"
    home.mkdir()
    with DagsterInstance.local_temp(str(home)) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.duckdb")


@pytest.fixture
def world(instance: DagsterInstance, tmp_path: Path) -> World:
    return World(instance, tmp_path)
