"""`meta-orch prune`: what goes, and what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.domain.readings import Changes
from meta_orch.store import Store
from meta_orch.testing.builders import INSTANCE, make_run
from meta_orch_tests.cli.conftest import Run


@pytest.fixture
def store(run: Run, servers: object) -> Store:
    """One with a run of yesterday and one of last year."""
    config = Path("meta_orch.yaml")
    config.write_text(f"{config.read_text()}store: {{retention: {{runs: 30d, last_runs: 0}}}}\n")
    now = datetime.now(UTC)
    runs = [
        make_run(name, ended_at=now - timedelta(days=days), started_at=now - timedelta(days=days))
        for name, days in (("yesterday", 1), ("last_year", 365))
    ]
    store = Store(".meta_orch/store.duckdb")
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c", tuple(runs)), now)
    return store


def left(store: Store) -> list[str]:
    with store.read() as reader:
        return [run_id for (run_id,) in reader.answer("SELECT run_id FROM runs ORDER BY ALL").rows]


def test_what_is_old_is_removed(run: Run, store: Store) -> None:
    result = run("prune")
    assert result.exit_code == 0
    assert "1 runs and 0 task runs removed" in result.stdout
    assert left(store) == ["yesterday"]


def test_a_dry_run_says_the_same_and_removes_nothing(run: Run, store: Store) -> None:
    result = run("prune", "--dry-run")
    assert "1 runs and 0 task runs would be removed" in result.stdout
    assert left(store) == ["last_year", "yesterday"]


def test_it_says_that_the_settings_keep_all(run: Run, store: Store) -> None:
    Path("meta_orch.yaml").write_text("instances: []\n")
    result = run("prune")
    assert "keeps all" in result.stdout
    assert left(store) == ["last_year", "yesterday"]


def test_without_a_store_it_says_how_one_comes_to_be(run: Run, servers: object) -> None:
    result = run("prune")
    assert result.exit_code == 1
    assert "`meta-orch sync` makes it" in result.stderr
