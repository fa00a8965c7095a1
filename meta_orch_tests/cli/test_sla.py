"""`meta-orch sla`."""

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
SLAS = """
slas:
  - {name: short, pipelines: "east/*", duration_below: 20m, target: 0.5}
  - {name: works, pipelines: "*/orders", succeeds: true}
"""


@pytest.fixture
def promised(run: Run, servers: Servers) -> Run:
    """Three runs of orders: of ten minutes, of thirty, and a failed one."""
    with Path("meta_orch.yaml").open("a") as config:
        config.write(SLAS)
    orders = servers["east"].add_pipeline("orders")
    now = datetime.now(UTC)
    for hours, minutes, state in (
        (3, 10, RunState.SUCCEEDED),
        (2, 30, RunState.SUCCEEDED),
        (1, 10, RunState.FAILED),
    ):
        began = now - timedelta(hours=hours)
        ended = began + timedelta(minutes=minutes)
        servers["east"].add_run(
            make_run(
                f"run_{hours}",
                orders,
                state,
                scheduled_at=began,
                queued_at=began,
                started_at=began,
                ended_at=ended,
            )
        )
    run("sync")
    return run


def test_it_says_of_each_promise_how_it_is_kept(promised: Run) -> None:
    (short, works) = json.loads(promised("sla", "--format", "json").stdout)
    assert (short["sla"], short["pipeline"]) == ("short", "east/orders")
    assert (short["share"], short["met"], short["missed"], short["budget"]) == (0.5, 1, 1, 0)
    assert (works["share"], works["streak"]) == (0.6667, -1)


def test_it_lists_the_misses_of_one_with_the_run_and_by_how_much(promised: Run) -> None:
    (miss,) = json.loads(promised("sla", "--only", "short", "--misses", "--format", "json").stdout)
    assert (miss["is"], miss["run"]) == ("long", "run_2")
    assert miss["why"] == "it took 10 min longer than usual"


def test_a_name_that_there_is_not_is_told_with_those_that_there_are(promised: Run) -> None:
    result = promised("sla", "--only", "shrt")
    assert result.exit_code == 1
    assert "no SLA is called shrt; write one of: short, works" in " ".join(result.stderr.split())


def test_without_slas_it_is_said_where_they_are_written(run: Run, servers: Servers) -> None:
    run("sync")
    result = run("sla")
    assert result.exit_code == 1
    assert "write some under `slas`" in " ".join(result.stderr.split())


def test_it_proposes_slas_for_pipelines_without_one_that_can_be_copied(
    promised: Run, servers: Servers
) -> None:
    syncs = servers["east"].add_pipeline("syncs", tags=("nightly",))
    now = datetime.now(UTC)
    for hours in range(1, 13):
        began = now - timedelta(hours=hours)
        servers["east"].add_run(
            make_run(f"s_{hours}", syncs, started_at=began, ended_at=began + timedelta(minutes=8))
        )
    promised("sync")
    # `short` names all of east, so that nothing is left.
    assert promised("sla", "suggest").exit_code == 1
    config = Path("meta_orch.yaml")
    config.write_text(config.read_text().replace('"east/*"', '"east/orders"'))
    result = promised("sla", "suggest")
    assert (
        result.stdout
        == """slas:
  # met 12 of 12 times (100.0%)
  - name: east_syncs_within
    pipelines: east/syncs
    duration_below: 10m
    target: 0.95
    window: 30d
"""
    )
    config.write_text(config.read_text() + result.stdout.removeprefix("slas:\n"))
    assert promised("sla", "--only", "east_syncs_within").exit_code == 0
