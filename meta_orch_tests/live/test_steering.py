"""A run in one orchestrator starts the next in another, in every direction and once, though the
daemon that does it is killed again and again. And what runs may ask for its gate itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import meta_orch.waiting
from meta_orch.demo.processes import Process, ProcessDied, wait_until
from meta_orch.demo.readiness import read_shown
from meta_orch.demo.servers import AirflowServer, DagsterServer, PrefectServer
from meta_orch.domain.triggers import Firing, FiringState
from meta_orch.store import Store
from meta_orch_tests.contract.dagster import LOCATION, MODULE

pytestmark = pytest.mark.live

WITHIN = 330
"""Seconds for a step, on two cores that all the servers share. A run that the daemon was killed in
the midst of starting is given up after three minutes."""
TRIGGERS = {
    # From Airflow around, and from Prefect the other way around.
    "first": ("airflow/manual", f"dagster/{LOCATION}/takes", {"number": "{{ 20 + 1 }}"}),
    "second": (f"dagster/{LOCATION}/takes", "prefect/sums/manual", {"left": 21}),
    "third": ("prefect/sums/manual", "airflow/mapped", {"by": "{{ upstream.run_id }}"}),
    "backwards": ("prefect/mapped/manual", f"dagster/{LOCATION}/sums", {}),
    "further": (f"dagster/{LOCATION}/sums", "airflow/cleans_raw", {}),
    "last": ("airflow/cleans_raw", "prefect/parent/manual", {}),
}
MORE_TRIGGERS = {
    # By what else there is to wait for, and how.
    "debounced": {"when": {"any": ["airflow/signal"]}, "debounce": "20s", "run": "airflow/reacts"},
    "sleeper": {"when": {"any": ["airflow/signal"]}, "debounce": "1s", "run": "airflow/sleeps"},
    "late": {
        "when": {"any": ["airflow/tardy"]},
        "state": "late",
        "late_after": "5s",
        "run": "airflow/reacts_to_delay",
    },
    "checked": {
        "when": {"any": ["airflow/asked_source"]},
        "check": "last_run_succeeded",
        "state": "failure",
        "run": "airflow/reacts_to_check",
    },
}
GATED_DAGS = """\
from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, dag, task
from gate_copy import GateSensor

FOLDER = Path({folder!r})


@dag(schedule=None)
def asked_source():
    @task
    def load():
        if not (FOLDER / "fixed").exists():
            raise ValueError("broken on purpose")

    load()


asked_source()
with DAG("asking", schedule=None):
    gate = GateSensor(
        task_id="gate",
        pipeline="airflow/asking",
        webserver_url={url!r},
        settle=timedelta(seconds=1),
        poke_interval=20,
    )
    gate >> EmptyOperator(task_id="after")

for name in ("signal", "reacts", "reacts_to_delay", "reacts_to_check"):
    with DAG(name, schedule=None):
        EmptyOperator(task_id="only")
with DAG("sleeps", schedule=None):
    BashOperator(task_id="only", bash_command="sleep 600")
with DAG("tardy", schedule="* * * * *", catchup=False, max_active_runs=1):
    BashOperator(task_id="only", bash_command="sleep 600")
"""
TERMINATE = """
mutation terminate($run: String!) { terminateRun(runId: $run) { __typename } }
"""
GATED_FLOW = """\
import sys
from datetime import timedelta

from gate_copy import wait_for_gate
from prefect import flow


@flow
def asks() -> bool:
    return wait_for_gate(
        sys.argv[1],
        webserver_url=sys.argv[2],
        settle=timedelta(0),
        timeout=timedelta(seconds=float(sys.argv[3])),
        poll=timedelta(seconds=2),
    )


print(asks())
"""
RUNS = """
query runs($tags: [ExecutionTag!]!) { runsOrError(filter: {tags: $tags}) { ... on Runs { results {
  runId jobName status } } } }
"""
GATE = """
query gate($asset: AssetKeyInput!) {
  assetCheckExecutions(assetKey: $asset, checkName: "upstreams_are_ready", limit: 1) {
    evaluation { metadataEntries { label ... on TextMetadataEntry { text } } } } }
"""
LOG = """
query log($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  ... on LogMessageEvent { message } } } } }
"""


class Company:
    def __init__(self, dagster: DagsterServer, store: Store, folder: Path) -> None:
        self.dagster = dagster
        self.store = store
        self.folder = folder

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

    def is_over(self, firing: Firing) -> bool:
        return {run["status"] for run in self.dagster_runs(firing)} <= {"SUCCESS", "FAILURE"}

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
        ]
        + [{"name": name, **settings} for name, settings in MORE_TRIGGERS.items()],
        "edges": [{"upstream": "airflow/asked_source", "downstream": "airflow/asking"}],
        "gates": [{"downstream": "airflow/asking"}],
        "dagster": {"webserver_url": server.url},
    }
    waiting = Path(meta_orch.waiting.__file__).parent
    dags = airflow_server.dags
    (dags / "gate_copy.py").write_text((waiting / "airflow.py").read_text())
    (dags / "asking.py").write_text(GATED_DAGS.format(folder=str(folder), url=server.url))
    airflow_server.wait_for_dags(["asked_source", "asking"])
    for instance in config["instances"]:
        instance.update(every)
    file.write_text(yaml.safe_dump(config))
    store = Store(folder / ".meta_orch" / "store.duckdb")
    with server:
        company = Company(server, store, folder)

        def is_ready() -> bool:
            shown = read_shown(server)
            wanted = {tuple(run.split("/")) for _, run, _ in TRIGGERS.values()}
            wanted |= {tuple(more["run"].split("/")) for more in MORE_TRIGGERS.values()}
            if not wanted <= shown.keys():
                return False
            with store.read() as reader:
                return reader.triggers.since().keys() == TRIGGERS.keys() | MORE_TRIGGERS.keys()

        _wait(is_ready, "the pipelines to show and the triggers to be watched")
        yield company
    for file in ("asking.py", "gate_copy.py"):
        (dags / file).unlink()


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
        # One that was killed with the daemon is given up: for another where it still followed a
        # run. After the third had fired, none was killed.
        _wait(partial(company.is_over, firing), f"the Dagster runs of {trigger} to end")
        last, *given_up = company.dagster_runs(firing)
        assert last["status"] == "SUCCESS" or trigger != "third"
        assert {run["status"] for run in given_up} <= {"FAILURE"}
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
    assert any(line.startswith("total: ") and "Returned value was: 14" in line for line in log), log
    with company.store.read() as reader:
        started = [a for a in reader.actions() if a.by == "trigger third"]
    assert [action.after for action in started] == [dag_run["dag_run_id"]]


def test_a_dag_and_a_flow_that_ask_for_their_gate_wait_for_it(
    company: Company, airflow_server: AirflowServer, prefect_server: PrefectServer
) -> None:
    flow = company.folder / "asks.py"
    flow.write_text(GATED_FLOW)
    copied = Path(meta_orch.waiting.__file__).with_name("prefect.py").read_text()
    (company.folder / "gate_copy.py").write_text(copied)
    python = prefect_server.environment / "bin" / "python"

    def ask(pipeline: str, seconds: int) -> None:
        command = [python, flow, pipeline, company.dagster.url, str(seconds)]
        prefect_server.run("asking flow", command, what="the flow to ask")

    broken = airflow_server.start_run("asked_source")
    _wait(lambda: airflow_server.run_state("asked_source", broken) == "failed", "it to fail")

    def disposition() -> str | None:
        asset = {"path": ["airflow", "asking"]}
        found = company.dagster.graphql(GATE, asset=asset)["assetCheckExecutions"]
        entries = found[0]["evaluation"]["metadataEntries"] if found else []
        return next((e["text"] for e in entries if e["label"] == "meta_orch/disposition"), None)

    _wait(lambda: disposition() == "hold", "the gate to hold")
    waiting = airflow_server.start_run("asking")
    with pytest.raises(ProcessDied, match=r"asked_source failed at"):
        ask("airflow/asking", 5)
    with pytest.raises(ProcessDied, match="Dagster knows no pipeline airflow/askin"):
        ask("airflow/askin", 5)
    ask("airflow/manual", 5)  # no gate names it
    path = f"/api/v2/dags/asking/dagRuns/{waiting}/taskInstances/gate"
    assert airflow_server.request("GET", path)["state"] not in {"success", "failed", "skipped"}

    (company.folder / "fixed").touch()
    good = airflow_server.start_run("asked_source")
    _wait(lambda: airflow_server.run_state("asked_source", good) == "success", "it to succeed")
    _wait(lambda: airflow_server.run_state("asking", waiting) == "success", "the DAG to go on")
    ask("airflow/asking", 60)


def test_what_is_late_what_fails_a_check_and_what_comes_twice_start_one_run_each(
    company: Company, airflow_server: AirflowServer
) -> None:
    """After the test above, in which the source has failed. The DAG that is late ran into its next
    tick all the while."""
    for _ in range(2):
        run = airflow_server.start_run("signal")
        _wait(lambda run=run: airflow_server.run_state("signal", run) == "success", "the signal")
    for trigger in ("late", "checked"):
        _wait(
            lambda trigger=trigger: any(
                firing.state is FiringState.SUCCEEDED for firing in company.firings(trigger)
            ),
            f"{trigger} to have started its run",
        )
    firing = company.wait_for("debounced", FiringState.SUCCEEDED)
    assert firing.reason == "airflow/signal succeeded"
    assert len(airflow_server.request("GET", "/api/v2/dags/reacts/dagRuns")["dag_runs"]) == 1


def test_to_terminate_the_dagster_run_ends_what_it_follows(
    company: Company, airflow_server: AirflowServer
) -> None:
    (firing, *_) = company.firings("sleeper")
    _wait(lambda: company.firings("sleeper")[0].run_id is not None, "the run to be started")
    (firing, *_) = company.firings("sleeper")
    run_id = str(firing.run_id)
    _wait(lambda: airflow_server.run_state("sleeps", run_id) == "running", "it to run")
    (following, *_) = company.dagster_runs(firing)
    company.dagster.graphql(TERMINATE, run=following["runId"])
    _wait(lambda: airflow_server.run_state("sleeps", run_id) == "failed", "it to end")
    _wait(lambda: company.firings("sleeper")[0].state is FiringState.CANCELED, "it to be told")
    _wait(lambda: company.dagster_runs(firing)[0]["status"] == "CANCELED", "it to end in Dagster")


def _flow_runs(prefect: PrefectServer, flow: str, since: datetime) -> list[dict[str, Any]]:
    return prefect.request(
        "POST",
        "/api/flow_runs/filter",
        {
            "flows": {"name": {"any_": [flow]}},
            "flow_runs": {"start_time": {"after_": since.isoformat()}},
        },
    )


def _dag_runs(airflow: AirflowServer, dag: str, since: datetime) -> list[dict[str, Any]]:
    found = airflow.request("GET", f"/api/v2/dags/{dag}/dagRuns?order_by=-run_after&limit=20")
    return [run for run in found["dag_runs"] if datetime.fromisoformat(run["queued_at"]) > since]
