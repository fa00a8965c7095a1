"""Keeping a paused DAG from the run that it would have when it is resumed."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch_tests.orchestrators.airflow.servers import adapter_for, answering
from meta_orch_tests.orchestrators.airflow.simulated import NOON
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

NIGHTLY = Pipeline(
    key=PipelineKey("airflow_test", "nightly"), orchestrator="airflow", native_id="nightly"
)
RUNS = "/api/v2/dags/nightly/dagRuns"
SKIPPED = f"{RUNS}/{quote(f'skipped__{NOON.isoformat()}', safe='')}"


def acts_when(due_in: timedelta) -> list[tuple[str, str]]:
    """What is sent to skip the tick of noon, so long before it by the server's clock."""
    acts: list[tuple[str, str]] = []

    def act(request: Request) -> Reply:
        acts.append((request.method, request.path))
        return Reply({})

    next_run = {
        "dag_id": "nightly",
        "next_dagrun_logical_date": NOON.isoformat(),
        "next_dagrun_run_after": NOON.isoformat(),
    }
    date = {"Date": format_datetime(NOON - due_in, usegmt=True)}
    replies = {
        "/api/v2/dags/nightly": Reply(next_run, headers=date),
        RUNS: act,
        SKIPPED: act,
    }
    server = LoopbackServer(answering(replies))
    with server, adapter_for(server, read_only=False) as airflow:
        airflow.skip_tick(NIGHTLY, "its upstream failed")
    return acts


@pytest.mark.parametrize("due_in", [timedelta(hours=-1), timedelta(0), timedelta(seconds=2)])
def test_a_failed_run_takes_the_place_of_a_tick_that_is_due_though_the_servers_date_lags(
    password: str, due_in: timedelta
) -> None:
    assert acts_when(due_in) == [("POST", RUNS), ("PATCH", SKIPPED)]


def test_the_next_tick_is_left_alone_where_none_is_due(password: str) -> None:
    assert acts_when(timedelta(minutes=1)) == []
