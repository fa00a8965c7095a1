"""`meta-orch conflicts` and `meta-orch stagger`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.domain.ticks import cron
from meta_orch.testing.builders import make_pipeline, make_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.conftest import Run

Servers = dict[str, FakeOrchestrator]
WAREHOUSE = """
resources: [{name: dwh, capacity: 1, uses: [{pipelines: "*"}]}]
analytics: {solve_for: 1s}
"""


@pytest.fixture
def shared(run: Run, servers: Servers) -> Run:
    """Orders of the one and refunds of the other began at three last night, ten minutes each."""
    with Path("meta_orch.yaml").open("a") as config:
        config.write(WAREHOUSE)
    night = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=1)
    for name, pipeline in (("east", "orders"), ("west", "refunds")):
        found = make_pipeline(pipeline, name, schedules=(cron("0 3 * * *"),))
        servers[name].add_pipeline(found)
        servers[name].add_run(
            make_run(
                "night",
                found,
                queued_at=night,
                started_at=night,
                ended_at=night + timedelta(minutes=10),
            )
        )
    run("sync")
    return run


def test_conflicts_are_listed_that_were_and_that_come(shared: Run) -> None:
    found = json.loads(shared("conflicts", "--format", "json").stdout)
    assert [row["when"] for row in found].count("was") == 1
    assert [row["when"] for row in found].count("comes") == 7
    assert {row["harm"] for row in found} == {600}
    assert {tuple(sorted(row["between"])) for row in found} == {("east/orders", "west/refunds")}


def test_a_plan_says_what_moves_what_it_brings_and_how_near_the_best_it_is(shared: Run) -> None:
    told = " ".join(shared("stagger", "dwh").stdout.split())
    assert "10 3 * * *" in told
    assert "2 are wanted at once, by this plan 1" in told
    assert "comes below 1 (gap 0%" in told
    assert "queued 10 min → 0 s" in told


def test_a_plan_is_data_too(shared: Run) -> None:
    plan = json.loads(shared("stagger", "dwh", "--by", "10m", "--json").stdout)
    (move,) = plan["moves"]
    assert (move["minutes"], move["new_cron"]) == (10, "10 3 * * *")
    # By five minutes nothing helps.
    plan = json.loads(shared("stagger", "dwh", "--by", "4m", "--json").stdout)
    assert plan["moves"] == []


def test_what_is_wrong_is_told(shared: Run, servers: Servers) -> None:
    assert "write one of: ['dwh']" in shared("stagger", "wharehouse").stderr
    assert "is not a duration" in shared("stagger", "dwh", "--by", "soon").stderr


def test_without_resources_it_is_said_where_they_are_written(run: Run, servers: Servers) -> None:
    run("sync")
    result = run("conflicts")
    assert result.exit_code == 1
    assert "under `resources`" in result.stderr
