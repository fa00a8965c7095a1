"""`meta-orch reconcile`: what it finds, says and repairs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.store import Store
from meta_orch.testing.builders import make_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.conftest import Run

Servers = dict[str, FakeOrchestrator]
STORE = Path(".meta_orch/store.duckdb")


@pytest.fixture
def east(run: Run, servers: Servers) -> FakeOrchestrator:
    """Has two runs that the store holds."""
    server = servers["east"]
    server.advance(datetime.now(UTC) - server.now)
    pipeline = server.add_pipeline("orders")
    ended_at = server.now - timedelta(hours=1)
    for name in ("first", "second"):
        server.add_run(make_run(name, pipeline, started_at=ended_at, ended_at=ended_at))
    run("sync", "east")
    return server


def test_a_store_that_is_right_says_so(run: Run, east: FakeOrchestrator) -> None:
    result = run("reconcile", "east")
    assert result.exit_code == 0
    assert "east: the store holds its 2 runs of 1 pipelines" in result.stdout


def test_what_differs_is_listed_and_repaired(run: Run, east: FakeOrchestrator) -> None:
    east.delete(east.runs[0].key)
    dry = run("reconcile", "east", "--dry-run")
    assert dry.exit_code == 1
    assert "1 differences found" in dry.stdout

    result = run("reconcile", "east")

    assert result.exit_code == 0
    assert "1 differences repaired" in result.stdout
    assert "no longer exists there" in result.stdout
    with Store(STORE).read() as reader:
        assert reader.answer("SELECT run_id FROM runs").rows == (("second",),)


def test_an_instance_that_was_not_read_yet_is_not_compared(
    run: Run, east: FakeOrchestrator
) -> None:
    result = run("reconcile")
    assert result.exit_code == 1
    assert "east: the store holds" in result.stdout
    assert "west: it has not been read to the end yet" in result.stdout
