"""A run in one orchestrator starts the next in another, in every direction and once, though the
daemon that does it is killed again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from meta_orch.demo.processes import Process, wait_until
from meta_orch.demo.readiness import read_shown
from meta_orch.demo.servers import AirflowServer, DagsterServer, PrefectServer
from meta_orch.domain.triggers import Firing, FiringState
from meta_orch.store import Store
from meta_orch_tests.contract.dagster import LOCATION, MODULE

pytestmark = pytest.mark.live

WITHIN = 240
"""Seconds for a step, on two cores that all the servers share."""
TRIGGERS = {
    # From Airflow around, and from Prefect the other way around.
    "first": ("airflow/manual", f"dagster/{LOCATION}/takes", {"number": "{{ 20 + 1 }}"}),
    "second": (f"dagster/{LOCATION}/takes", "prefect/sums/manual", {"left": 21}),
    "third": ("prefect/sums/manual", "airflow/mapped", {"by": "{{ upstream.run_id }}"}),
    "backwards": ("prefect/mapped/manual", f"dagster/{LOCATION}/sums", {}),
    "further": (f"dagster/{LOCATION}/sums", "airflow/cleans_raw", {}),
    "last": ("airflow/cleans_raw", "prefect/parent/manual", {}),
}
RUNS = """
query runs($tags: [ExecutionTag!]!) { runsOrError(filter: {tags: $tags}) { ... on Runs { results {
  runId jobName status } } } }
"""
LOG = """
query log($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  ... on LogMessageEvent { message } } } } }
"""


class Company:
    def __init__(self, dagster: DagsterServer, store: Store) -> None:
        self.dagster = dagster
        self.store = store

    @property
    def daemon(self) -> Process:
        (found,) = [p for p in self.dagster.processes if p.name == "Dagster daemon"]
        return found

    def kill_the_daemon(self) -> None:
        self.daemon.kill()
        time.sleep(1)
        self.daemon.start()

    def firings(self, trigger: str) -> tuple[Firing, ...]:
        with self.store.read() as reader:
            return reader.triggers.firings(trigger)

    def wait_for(self, trigger: str, *states: FiringState) -> Firing:
        def is_there() -> bool:
            return any(firing.state in states for firing in self.firings(trigger))

        _wait(is_there, f"{trigger} to be {' or '.join(states)}")
        (firing,) = self.firings(trigger)
        return firing

    def dagster_runs(self, firing: Firing) -> list[dict[str, Any]]:
        tags = [{"key": "meta_orch/firing", "value": firing.id}]
        return self.dagster.graphql(RUNS, tags=tags)["runsOrError"]["results"]

    def log(self, run_id: str) -> list[str]:
        events = self.dagster.graphql(LOG, run=run_id)["logsForRun"]["events"]
        return [event["message"] for event in events if "message" in event]


@pytest.fixture(scope="module")
def company(
    airflow_server: AirflowServer,
    prefect_server: PrefectServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Company]:
    """All three, which may all be acted on; Dagster shows the others and has jobs of its own."""
    folder = tmp_path_factory.mktemp("triggers")
    file = folder / "meta_orch.yaml"
    every = {
        "read_only": False,
        "poll_interval": "5s",
        "lookback": "10s",
        "timeouts": {"connect": "5s"},
    }
    server = DagsterServer(
        folder / "dagster",
        locations={"meta_orch": "meta_orch.definitions", LOCATION: MODULE},
        settings={
            "META_ORCH_CONFIG": str(file),
            "COMPANY_PASSWORD": airflow_server.password,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )
    login = {
        "type": "token",
        "username": airflow_server.username,
        "password": "${COMPANY_PASSWORD}",
    }
    config = {
        "instances": [
            {"name": "airflow", "type": "airflow", "url": airflow_server.url, "login": login},
            {"name": "prefect", "type": "prefect", "url": prefect_server.api_url},
            {"name": "dagster", "type": "dagster", "url": server.url, "include": [f"{LOCATION}/*"]},
        ],
        "triggers": [
            {"name": name, "when": {"any": [upstream]}, "run": run, "parameters": parameters}
            for name, (upstream, run, parameters) in TRIGGERS.items()
        ],
        "dagster": {"webserver_url": server.url},
    }
    for instance in config["instances"]:
        instance.update(every)
    file.write_text(yaml.safe_dump(config))
    store = Store(folder / ".meta_orch" / "store.duckdb")
    with server:
        company = Company(server, store)

        def is_ready() -> bool:
            shown = read_shown(server)
            wanted = {tuple(run.split("/")) for _, run, _ in TRIGGERS.values()}
            if not wanted <= shown.keys():
                return False
            with store.read() as reader:
                return reader.triggers.since().keys() == TRIGGERS.keys()

        _wait(is_ready, "the pipelines to show and the triggers to be watched")
        yield company


def _wait(is_so: Callable[[], bool], what: str) -> None:
    wait_until(is_so, what=what, timeout=WITHIN)


def test_a_run_starts_the_next_through_all_three_and_each_once(
    company: Company, airflow_server: AirflowServer, prefect_server: PrefectServer
) -> None:
    since = datetime.now(UTC)
    airflow_server.start_run("manual")
    prefect_server.start_run("mapped/manual")
    company.kill_the_daemon()
    company.wait_for("first", FiringState.STARTED, FiringState.SUCCEEDED)
    company.kill_the_daemon()
    company.wait_for("second", *FiringState)
    company.kill_the_daemon()
    company.wait_for("third", *FiringState)
    company.kill_the_daemon()
    ended = {trigger: company.wait_for(trigger, FiringState.SUCCEEDED) for trigger in TRIGGERS}

    for trigger, firing in ended.items():
        assert firing.run_id, trigger
        (run,) = company.dagster_runs(firing)
        assert run["status"] == "SUCCESS"
    (flow_run,) = _flow_runs(prefect_server, "sums", since)
    assert flow_run["parameters"]["left"] == 21
    (dag_run,) = _dag_runs(airflow_server, "mapped", since)
    assert dag_run["conf"] == {"by": flow_run["id"]}
    assert len(_flow_runs(prefect_server, "parent", since)) == 1
    assert len(_dag_runs(airflow_server, "cleans_raw", since)) == 1

    third = company.dagster_runs(ended["third"])[0]
    log = company.log(third["runId"])
    assert any("square" in line and "success" in line for line in log), log
    assert any(line.startswith("The run is success") for line in log), log
    with company.store.read() as reader:
        started = [a for a in reader.actions() if a.by == "trigger third"]
    assert [action.after for action in started] == [dag_run["dag_run_id"]]


def _flow_runs(prefect: PrefectServer, flow: str, since: datetime) -> list[dict[str, Any]]:
    return prefect.request(
        "POST",
        "/api/flow_runs/filter",
        {
            "flows": {"name": {"any_": [flow]}},
            "flow_runs": {"expected_start_time": {"after_": since.isoformat()}},
        },
    )


def _dag_runs(airflow: AirflowServer, dag: str, since: datetime) -> list[dict[str, Any]]:
    found = airflow.request("GET", f"/api/v2/dags/{dag}/dagRuns?order_by=-run_after&limit=20")
    return [run for run in found["dag_runs"] if datetime.fromisoformat(run["queued_at"]) > since]
