"""`meta-orch resources`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.testing.builders import make_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.conftest import Run

Servers = dict[str, FakeOrchestrator]
WAREHOUSE = """
resources: [{name: warehouse, capacity: 1, uses: [{pipelines: "*/orders"}]}]
"""


@pytest.fixture
def shared(run: Run, servers: Servers) -> Run:
    """Two runs of orders at once, for twelve minutes each; a warehouse that has room for one."""
    with Path("meta_orch.yaml").open("a") as config:
        config.write(WAREHOUSE)
    orders = servers["east"].add_pipeline("orders")
    began = datetime.now(UTC) - timedelta(hours=1)
    for number in range(2):
        servers["east"].add_run(
            make_run(
                f"run_{number}",
                orders,
                queued_at=began,
                started_at=began,
                ended_at=began + timedelta(minutes=12),
            )
        )
    run("sync")
    return run


def test_it_measures_what_is_new_and_says_whether_there_is_enough(shared: Run) -> None:
    found = {
        row["resource"]: row
        for row in json.loads(shared("resources", "--days", "1", "--format", "json").stdout)
    }
    assert found["east"]["peak_running"] == 2
    warehouse = found["warehouse"]
    assert (warehouse["peak_wanted"], warehouse["saturated_seconds"]) == (2, 720)
    # Twelve minutes of a day are no hundredth.
    assert (warehouse["verdict"], warehouse["advised"]) == ("fits", None)


def test_it_says_who_uses_one(shared: Run) -> None:
    (user,) = json.loads(shared("resources", "warehouse", "--format", "json").stdout)
    assert (user["pipeline"], user["running_unit_seconds"]) == ("east/orders", 1440)
    assert user["saturated_unit_seconds"] == 1440


def test_it_says_which_used_it_at_once(shared: Run) -> None:
    (pair,) = json.loads(shared("resources", "warehouse", "--together", "--format", "json").stdout)
    assert (pair["pipeline"], pair["with"]) == ("east/orders", "east/orders")
    assert (pair["times"], pair["seconds"]) == (1, 720)


def test_what_was_not_in_use_is_told_with_what_was(shared: Run) -> None:
    result = shared("resources", "wharehouse")
    assert result.exit_code == 1
    assert "in use: east, warehouse" in " ".join(result.stderr.split())


def test_the_table_reads_well(shared: Run) -> None:
    table = shared("resources").stdout
    assert "12 min (0.1%)" in table


def test_together_needs_a_resource(shared: Run) -> None:
    result = shared("resources", "--together")
    assert result.exit_code == 2
    assert "--together needs a RESOURCE" in " ".join(result.output.split())
