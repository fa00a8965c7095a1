"""Real servers lose runs without a word, stores lose them by accident: comparing finds both."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meta_orch.config import InstanceConfig
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import AirflowServer, PrefectServer
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import RunKey
from meta_orch.orchestrators import connect
from meta_orch.orchestrators.base import ListsRuns, Orchestrator
from meta_orch.store import Store
from meta_orch.sync import Reconciliation, collect, reconcile

pytestmark = pytest.mark.live

PASSWORD = "META_ORCH_RECONCILE_PASSWORD"
LOOKBACK = timedelta(hours=1)
ENDS_WITHIN = 150


def now() -> datetime:
    return datetime.now(UTC)


def read(orchestrator: Orchestrator, store: Store) -> None:
    deadline = now() + timedelta(minutes=1)
    while not collect(
        orchestrator, store, clock=now, deadline=deadline, lookback=LOOKBACK
    ).caught_up:
        assert now() < deadline


def compared(orchestrator: Orchestrator, store: Store) -> Reconciliation:
    return reconcile(
        orchestrator,
        store,
        clock=now,
        deadline=now() + timedelta(minutes=1),
        lookback=LOOKBACK,
        settled=timedelta(0),
    )


def forget(store: Store, run_id: str) -> None:
    with store.write() as writer:
        writer._connection.execute("DELETE FROM run_record WHERE run_id = ?", [run_id])
        writer._connection.execute("DELETE FROM task_run_record WHERE run_id = ?", [run_id])


def exists(orchestrator: Orchestrator, store: Store, run_id: str) -> bool:
    """Whether the server still has a run that the store holds."""
    assert isinstance(orchestrator, ListsRuns)
    with store.read() as reader:
        ((pipeline,),) = reader.answer(
            f"SELECT pipeline FROM run_record WHERE run_id = '{run_id}'"  # noqa: S608  # an id
        ).rows
    key = RunKey(PipelineKey(orchestrator.instance, pipeline), run_id)
    return bool(orchestrator.read_runs([key]).runs)


def task_runs(store: Store, run_id: str) -> int:
    with store.read() as reader:
        rows = reader.query("SELECT * FROM task_runs WHERE run_id = $run_id", {"run_id": run_id})
    return len(rows)


def test_airflow(
    airflow_server: AirflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, airflow_server.password)
    login = {"type": "token", "username": airflow_server.username, "password": f"${{{PASSWORD}}}"}
    runs = [airflow_server.start_run("manual") for _ in range(2)]
    ended = {"success", "failed"}
    wait_until(
        lambda: all(airflow_server.run_state("manual", run) in ended for run in runs),
        what="the runs to end",
        timeout=ENDS_WITHIN,
    )
    _check(
        {"type": "airflow", "url": airflow_server.url, "login": login, "include": ["manual"]},
        Store(tmp_path / "store.duckdb"),
        *runs,
        delete=lambda run: airflow_server.request("DELETE", f"/api/v2/dags/manual/dagRuns/{run}"),
    )


def test_prefect(prefect_server: PrefectServer, tmp_path: Path) -> None:
    runs = [prefect_server.start_run("sums/manual") for _ in range(2)]
    wait_until(
        lambda: all(prefect_server.run_state(run) == "COMPLETED" for run in runs),
        what="the runs to end",
        timeout=ENDS_WITHIN,
    )
    _check(
        {"type": "prefect", "url": prefect_server.api_url, "include": ["sums/manual"]},
        Store(tmp_path / "store.duckdb"),
        *runs,
        delete=lambda run: prefect_server.request("DELETE", f"/api/flow_runs/{run}"),
    )


def _check(
    instance: dict[str, Any], store: Store, deleted: str, forgotten: str, *, delete: Any
) -> None:
    config = InstanceConfig.model_validate({"name": "compared", **instance})
    time.sleep(2)  # servers tell whole seconds, and what ended in the last one is not compared
    with connect(config) as orchestrator:
        read(orchestrator, store)
        assert compared(orchestrator, store).is_right
        had = task_runs(store, forgotten)
        delete(deleted)
        forget(store, forgotten)
        # Servers answer before they commit.
        wait_until(
            lambda: not exists(orchestrator, store, deleted), what="the deletion", timeout=60
        )

        found = compared(orchestrator, store)

        assert [run.run_id for run in found.gone] == [deleted]
        assert [run.run_id for run in found.missing] == [forgotten]
        assert found.repaired == 2
        assert task_runs(store, deleted) == 0
        assert task_runs(store, forgotten) == had > 0
        assert compared(orchestrator, store).is_right
