"""`meta-orch report`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.domain.states import RunState
from meta_orch.testing.builders import make_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.conftest import Run

Servers = dict[str, FakeOrchestrator]


@pytest.fixture
def failing(run: Run, servers: Servers) -> Run:
    """Orders that failed an hour ago."""
    orders = servers["east"].add_pipeline("orders")
    began = datetime.now(UTC) - timedelta(hours=1)
    ended = began + timedelta(minutes=10)
    times = {"queued_at": began, "started_at": began, "ended_at": ended}
    servers["east"].add_run(make_run("run", orders, RunState.FAILED, **times))
    run("sync")
    return run


def test_it_is_written_beside_the_configuration_and_says_where(failing: Run) -> None:
    result = failing("report", "--until-now")
    assert result.exit_code == 0
    page = Path(result.stdout.strip())
    assert page.parent == Path(".meta_orch/reports").absolute()
    assert "1 of 1 runs failed" in page.read_text(encoding="utf-8")
    assert "1 findings" in result.stderr


def test_it_is_written_where_one_says(failing: Run, tmp_path: Path) -> None:
    failing("report", "--period", "week", "--to", str(tmp_path / "out"))
    assert {file.suffix for file in (tmp_path / "out").iterdir()} == {".html", ".md", ".json"}


def test_it_is_printed_and_nothing_written(failing: Run) -> None:
    assert "**east/orders**" in failing("report", "--until-now", "--print", "markdown").stdout
    found = json.loads(failing("report", "--until-now", "--print", "json").stdout)
    assert found["findings"][0]["subject"] == "east/orders"
    assert not Path(".meta_orch/reports").exists()


def test_it_may_be_of_an_earlier_day_that_is_over(failing: Run) -> None:
    result = failing("report", "--last-day", "2026-01-31", "--print", "json")
    assert json.loads(result.stdout)["window"]["start"].startswith("2026-01-31T00:00")
    today = datetime.now(UTC).date().isoformat()
    result = failing("report", "--last-day", today)
    assert result.exit_code == 1
    assert f"{today} is not over in UTC" in result.output
    assert failing("report", "--last-day", today, "--until-now").exit_code == 2
