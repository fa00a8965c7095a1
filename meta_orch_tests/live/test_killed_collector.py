"""Collectors of real servers that are killed again and again, while pipelines run: every run is
there once, in the state it came to."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from meta_orch.config import InstanceConfig
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import Airflow2Server, AirflowServer, PrefectServer
from meta_orch.orchestrators.airflow import AirflowOrchestrator
from meta_orch.orchestrators.base import Orchestrator, OrchestratorError
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch.store import Store
from meta_orch.sync import collect
from meta_orch_tests.support.workers import Worker, preload

pytestmark = pytest.mark.live

KILLS = 20
"""Of the collector of each server."""
RUNS = 10
"""On each server, begun between kills."""
LOOKBACK = timedelta(hours=2)
ENDS_WITHIN = 180

Settings = Mapping[str, Any]


def connect(settings: Settings) -> Orchestrator:
    """With pages of two runs, so that there is much between pages."""
    config = InstanceConfig.model_validate({"name": "killed", **settings})
    adapter = AirflowOrchestrator if config.type == "airflow" else PrefectOrchestrator
    return adapter(config, page_size=2)


def collect_once(orchestrator: Orchestrator, store: Store) -> bool:
    return collect(
        orchestrator,
        store,
        clock=lambda: datetime.now(UTC),
        deadline=datetime.now(UTC) + timedelta(seconds=20),
        lookback=LOOKBACK,
    ).caught_up


def collect_for_ever(pipe: Connection, path: Path, settings: Settings) -> None:
    """Say when it begins, and go on until killed."""
    with connect(settings) as orchestrator:
        while True:
            pipe.send("collecting")
            with suppress(OrchestratorError):  # a busy server is asked again
                collect_once(orchestrator, Store(path))


def collect_to_the_end(settings: Settings, store: Store) -> None:
    with connect(settings) as orchestrator:
        for _ in range(2):  # the first may end a pass that a killed one began
            while not collect_once(orchestrator, store):
                pass


def kill_after(seconds: float, workers: list[Worker]) -> None:
    """All at once, so long after the last of them began."""
    for worker in workers:
        assert worker.hear() == "collecting"
    time.sleep(seconds)
    for worker in workers:
        worker.kill()


def wait_for_ends(
    airflows: Mapping[str, AirflowServer],
    dag_runs: Mapping[str, list[tuple[str, str]]],
    prefect: PrefectServer,
    flow_runs: list[str],
) -> None:
    def is_over() -> bool:
        return all(
            server.run_state(*run) in {"success", "failed"}
            for name, server in airflows.items()
            for run in dag_runs[name]
        ) and all(prefect.run_state(run) in {"COMPLETED", "FAILED"} for run in flow_runs)

    wait_until(is_over, what="the runs to end", timeout=ENDS_WITHIN)


def stored(store: Store) -> list[tuple[str, str]]:
    with store.read() as reader:
        rows = reader.answer("SELECT run_id, native_state FROM runs ORDER BY ALL").rows
    return [(run_id, state) for run_id, state in rows]


def stored_tasks(store: Store) -> dict[str, list[tuple[str, str]]]:
    """The last attempt of each task run, by run."""
    with store.read() as reader:
        rows = reader.answer(
            """
            SELECT run_id, task_run_id, native_state FROM task_runs
            QUALIFY attempt = max(attempt) OVER (PARTITION BY run_id, task_run_id)
            ORDER BY ALL
            """
        ).rows
    found: dict[str, list[tuple[str, str]]] = {}
    for run_id, task_run_id, state in rows:
        found.setdefault(run_id, []).append((task_run_id, state))
    return found


def test_every_run_is_there_once_in_its_final_state(
    airflow_server: AirflowServer,
    airflow_2_server: Airflow2Server,
    prefect_server: PrefectServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    airflows: Mapping[str, AirflowServer] = {
        "airflow": airflow_server,
        "airflow_2": airflow_2_server,
    }
    preload("airflow_client.client.api_client", "prefect.client.orchestration")
    settings: Mapping[str, Settings] = {
        "prefect": {"type": "prefect", "url": prefect_server.api_url},
        **{name: _settings(name, server, monkeypatch) for name, server in airflows.items()},
    }
    stores = {name: Store(tmp_path / f"{name}.duckdb") for name in settings}
    chance = random.Random(20)  # a fixed course, as far as processes allow
    dags, flows = ["manual", "mapped", "fails"], ["sums/manual", "mapped/manual", "fails/manual"]

    dag_runs: dict[str, list[tuple[str, str]]] = {name: [] for name in airflows}
    flow_runs: list[str] = []
    for kill in range(KILLS):
        workers = [
            Worker.start(collect_for_ever, stores[name].path, given)
            for name, given in settings.items()
        ]
        if kill < RUNS:
            dag, flow = dags[kill % len(dags)], flows[kill % len(flows)]
            for name, server in airflows.items():
                dag_runs[name].append((dag, server.start_run(dag)))
            flow_runs.append(prefect_server.start_run(flow))
        kill_after(chance.uniform(0, 1.2), workers)
    wait_for_ends(airflows, dag_runs, prefect_server, flow_runs)
    time.sleep(3)  # Prefect writes task runs down after their flow has ended
    for name, given in settings.items():
        collect_to_the_end(given, stores[name])

    for name, server in airflows.items():
        assert_holds_airflow(stores[name], server, dag_runs[name])
    assert_holds_prefect(stores["prefect"], prefect_server, flow_runs)


def assert_holds_airflow(store: Store, server: AirflowServer, begun: list[tuple[str, str]]) -> None:
    held = _airflow_states(server)
    assert {run for _, run in begun} <= {run for run, _ in held}
    assert stored(store) == sorted(held)
    tasks = stored_tasks(store)
    for dag, run in begun:
        assert tasks[run] == _airflow_tasks(server, dag, run)


def assert_holds_prefect(store: Store, server: PrefectServer, begun: list[str]) -> None:
    shown = dict(stored(store))
    assert len(stored(store)) == len(shown)
    tasks = stored_tasks(store)
    for run in begun:
        assert shown[run] == _prefect(server, "flow_runs", run)[0][1]
        assert tasks.get(run, []) == _prefect(server, "task_runs", run)


def _settings(name: str, server: AirflowServer, environment: pytest.MonkeyPatch) -> Settings:
    password = f"META_ORCH_KILLED_{name.upper()}"
    environment.setenv(password, server.password)
    login = {"type": "basic", "username": server.username, "password": f"${{{password}}}"}
    return {"type": "airflow", "url": server.url, "login": login}


def _airflow_states(server: AirflowServer) -> list[tuple[str, str]]:
    """All runs that ended or go on; the server's tests begin no more than fit on a page. Runs of
    several DAGs may share an id."""
    answer = server.request("GET", f"{server.root}/dags/~/dagRuns?limit=100&order_by=-id")
    assert answer["total_entries"] <= 100
    return [(run["dag_run_id"], run["state"]) for run in answer["dag_runs"]]


def _airflow_tasks(server: AirflowServer, dag: str, run: str) -> list[tuple[str, str]]:
    path = f"{server.root}/dags/{dag}/dagRuns/{run}/taskInstances?limit=100"
    return sorted(
        (
            task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]",
            task["state"] or "none",
        )
        for task in server.request("GET", path)["task_instances"]
    )


def _prefect(server: PrefectServer, kind: str, run: str) -> list[tuple[str, str]]:
    chosen = {"flow_runs": {"id": {"any_": [run]}}}
    rows = server.request("POST", f"/api/{kind}/filter", chosen)
    return sorted((row["id"], row["state_name"]) for row in rows)
