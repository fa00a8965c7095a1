"""`meta-orch predict`."""

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
def promised(run: Run, servers: Servers) -> Run:
    """Orders take ten minutes; one has been running for a minute, and fifteen are promised."""
    with Path("meta_orch.yaml").open("a") as config:
        config.write('\nslas: [{name: short, pipelines: "*/orders", duration_below: 15m}]\n')
    orders = servers["east"].add_pipeline("orders")
    now = datetime.now(UTC)
    for hours in range(1, 9):
        began = now - timedelta(hours=hours)
        ended = began + timedelta(minutes=10)
        servers["east"].add_run(make_run(f"run_{hours}", orders, started_at=began, ended_at=ended))
    began = now - timedelta(minutes=1)
    servers["east"].add_run(make_run("now", orders, RunState.RUNNING, started_at=began))
    run("sync")
    return run


def test_it_says_when_what_is_promised_will_be_done(promised: Run) -> None:
    (found,) = json.loads(promised("predict", "--format", "json").stdout)
    assert (found["sla"], found["pipeline"], found["risk"]) == ("short", "east/orders", 0)
    expected = datetime.fromisoformat(found["expected"])
    left = expected - datetime.now(UTC)
    assert timedelta(minutes=8) < left <= timedelta(minutes=9)


def test_it_says_how_right_it_would_have_been_once_that_was_worked_out(promised: Run) -> None:
    assert json.loads(promised("predict", "--quality", "--format", "json").stdout) == []


def test_without_slas_it_is_said_where_they_come_from(run: Run, servers: Servers) -> None:
    run("sync")
    result = run("predict")
    assert result.exit_code == 1
    assert "meta-orch sla suggest" in result.stderr
