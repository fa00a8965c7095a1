"""`meta-orch gate`: the decision, its evidence, and saying otherwise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron
from meta_orch.store import CollectorStatus, Store
from meta_orch.testing.builders import make_pipeline, make_run
from meta_orch_tests.cli.conftest import Run

NOW = datetime.now(UTC).replace(microsecond=0)
ORDERS = make_pipeline("orders", "east", schedules=(cron("0 0 * * *"),))
REPORT = make_pipeline("report", "west", schedules=(cron("0 0 * * *"),))


@pytest.fixture
def store(run: Run, servers: object) -> Store:
    """Orders of east failed today; west reports them."""
    config = Path("meta_orch.yaml")
    config.write_text(
        f"{config.read_text()}"
        "edges: [{upstream: east/orders, downstream: west/report}]\n"
        "gates: [{downstream: west/*}]\n"
    )
    store = Store(".meta_orch/store.duckdb")
    midnight = NOW.replace(hour=0, minute=0, second=0)
    failed = make_run(
        "today",
        ORDERS,
        RunState.FAILED,
        scheduled_at=midnight,
        started_at=midnight,
        ended_at=midnight + timedelta(seconds=1),
    )
    before = midnight - timedelta(days=1)
    reported = make_run(
        "yesterday", REPORT, scheduled_at=before, started_at=before, ended_at=before
    )
    with store.write() as writer:
        writer.save_changes("west", Changes("c", (reported,)), NOW)
        for pipeline in (ORDERS, REPORT):
            writer.save_catalogue(pipeline.key.instance, Catalogue((pipeline,), "f"), NOW)
            writer.save_collector(
                CollectorStatus(pipeline.key.instance, NOW, NOW, True, None, "1", NOW)
            )
        writer.save_changes("east", Changes("c", (failed,)), NOW)
    return store


def test_it_says_hold_and_names_the_culprit(run: Run, store: Store) -> None:
    result = run("gate", "report")
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "hold" in said
    assert "east/orders failed at" in said
    assert "(today)" in said
    assert "--override 2h" in said


def test_programs_read_the_same_as_json(run: Run, store: Store) -> None:
    result = run("gate", "west/report", "--json")
    assert result.exit_code == 1
    decision = json.loads(result.stdout)
    assert (decision["disposition"], decision["may_run"]) == ("hold", False)
    (upstream,) = decision["upstreams"]
    assert (upstream["upstream"], upstream["readiness"]) == ("east/orders", "failed")
    assert upstream["run_id"] == "today"


def test_a_person_lets_it_run_with_a_reason(run: Run, store: Store) -> None:
    assert "needs --reason" in run("gate", "report", "--override", "2h").stderr
    assert "is not a duration" in run("gate", "report", "--override", "2", "--reason", "x").stderr
    result = run("gate", "report", "--override", "2h", "--reason", "the day is empty")
    assert result.exit_code == 0
    assert "the day is empty" in result.stdout
    assert run("gate", "report").exit_code == 0
    with store.read() as reader:
        assert len(reader.answer("FROM gate_overrides").rows) == 1


def test_what_no_gate_names_is_told_what_the_usual_one_would_say(run: Run, store: Store) -> None:
    config = Path("meta_orch.yaml")
    config.write_text(config.read_text().replace("gates: [{downstream: west/*}]\n", ""))
    result = run("gate", "report")
    assert result.exit_code == 0
    assert "No gate in meta_orch.yaml names west/report" in " ".join(result.stdout.split())
    assert "hold" in result.stdout


def test_it_says_since_when_a_pipeline_is_kept_paused(run: Run, store: Store) -> None:
    hold = Hold(
        id="h",
        pipeline=REPORT.key,
        due_at=NOW,
        owner="gate",
        reason="east/orders failed",
        begun_at=NOW,
        expires_at=NOW + timedelta(days=1),
        state=HoldState.HELD,
    )
    with store.write() as writer:
        writer.save_hold(hold)
    said = " ".join(run("gate", "report").stdout.split())
    assert f"It is kept paused since {NOW:%Y-%m-%d %H:%M} UTC" in said
    told = json.loads(run("gate", "report", "--json").stdout)
    assert told["hold"]["since"] == NOW.isoformat()
