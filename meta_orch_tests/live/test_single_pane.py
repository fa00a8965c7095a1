"""What happens in real Airflow and Prefect servers shows in a real Dagster webserver and daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meta_orch.demo.processes import wait_until
from meta_orch.demo.readiness import Shown, read_shown
from meta_orch.demo.servers import AirflowServer, DagsterServer, PrefectServer

pytestmark = pytest.mark.live

SHOWS_WITHIN = 150
"""Seconds, on two cores that all the servers share."""

CHECKS = """
query checks($asset: AssetKeyInput!) { assetNodeOrError(assetKey: $asset) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks {
    name executionForLatestMaterialization { status } } } } } } }
"""
RUNS = """
query runs($job: String!) { runsOrError(filter: {pipelineName: $job}) { ... on Runs { results {
  runId status startTime endTime tags { key value } } } } }
"""
TICKS = """
query ticks($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor {
  sensorState { ticks(limit: 3) { status error { message } } } } } }
"""
LAUNCH = """
mutation launch($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
MESSAGES = """
query messages($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { error { message } } } } } }
"""
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "meta_orch"}


@pytest.fixture(scope="module")
def dagster(
    airflow_server: AirflowServer,
    prefect_server: PrefectServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DagsterServer]:
    """Dagster over both servers. Airflow may be acted on, Prefect only read."""
    folder = tmp_path_factory.mktemp("pane")
    login = {"type": "token", "username": airflow_server.username, "password": "${PANE_PASSWORD}"}
    every = {"poll_interval": "5s", "lookback": "10s", "timeouts": {"connect": "2s"}}
    server = DagsterServer(
        folder / "dagster",
        locations={"meta_orch": "meta_orch.definitions"},
        settings={
            "META_ORCH_CONFIG": str(folder / "meta_orch.yaml"),
            "PANE_PASSWORD": airflow_server.password,
        },
    )
    (folder / "meta_orch.yaml").write_text(
        yaml.safe_dump(
            {
                "version": 1,
                "instances": [
                    {
                        "name": "airflow",
                        "type": "airflow",
                        "url": airflow_server.url,
                        "login": login,
                        "read_only": False,
                        **every,
                    },
                    {
                        "name": "prefect",
                        "type": "prefect",
                        "url": prefect_server.api_url,
                        **every,
                    },
                ],
                "dagster": {"webserver_url": server.url},
            }
        )
    )
    with server:
        _wait(lambda: ("airflow", "classic") in read_shown(server), "the DAGs to show")
        _wait(lambda: ("prefect", "sums", "manual") in read_shown(server), "the flows to show")
        yield server


def _wait(is_so: Callable[[], bool], what: str) -> None:
    wait_until(is_so, what=what, timeout=SHOWS_WITHIN)


def _checks(dagster: DagsterServer, *path: str) -> dict[str, str | None]:
    node = dagster.graphql(CHECKS, asset={"path": path})["assetNodeOrError"]
    return {
        check["name"]: (check["executionForLatestMaterialization"] or {}).get("status")
        for check in node["assetChecksOrError"]["checks"]
    }


def _runs(dagster: DagsterServer, job: str) -> list[dict[str, Any]]:
    return dagster.graphql(RUNS, job=job)["runsOrError"]["results"]


def _runs_of(dagster: DagsterServer, job: str, native_id: str) -> list[dict[str, Any]]:
    return [
        run for run in _runs(dagster, job) if any(native_id in tag["value"] for tag in run["tags"])
    ]


def _wait_for_run(dagster: DagsterServer, job: str, native_id: str) -> None:
    """Until the external run shows, complete. Others of its pipeline may show before it."""
    _wait(
        lambda: any(run["endTime"] for run in _runs_of(dagster, job, native_id)),
        f"run {native_id} to show",
    )


def _shown(dagster: DagsterServer, *path: str) -> Shown:
    return read_shown(dagster).get(path, Shown())


def _launch(dagster: DagsterServer, job: str) -> str:
    launched = dagster.graphql(
        LAUNCH, params={"selector": {**REPOSITORY, "pipelineName": job}, "runConfigData": {}}
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["runId"]


def _status(dagster: DagsterServer, job: str, run_id: str) -> str:
    [run] = [run for run in _runs(dagster, job) if run["runId"] == run_id]
    return run["status"]


def test_a_dag_run_that_succeeds_is_a_materialization_evaluated_checks_and_a_run(
    airflow_server: AirflowServer, dagster: DagsterServer
) -> None:
    native_id = airflow_server.start_run("mapped")

    _wait_for_run(dagster, "airflow__mapped", native_id)
    _wait(lambda: _shown(dagster, "airflow", "mapped").last_run == "SUCCESS", "its success")

    assert _shown(dagster, "airflow", "mapped").materialized_at is not None
    checks = _checks(dagster, "airflow", "mapped")
    assert checks["last_run_succeeded"] == "SUCCEEDED"
    assert checks["collector_is_fresh"] is not None  # how fresh depends on how busy the machine is
    [run] = _runs_of(dagster, "airflow__mapped", native_id)
    native = airflow_server.request("GET", f"/api/v2/dags/mapped/dagRuns/{native_id}")
    assert run["status"] == "SUCCESS"
    assert run["endTime"] - run["startTime"] == pytest.approx(native["duration"], abs=0.01)


def test_a_flow_run_that_succeeds_is_a_materialization_evaluated_checks_and_a_run(
    prefect_server: PrefectServer, dagster: DagsterServer
) -> None:
    native_id = prefect_server.start_run("sums/manual")

    _wait_for_run(dagster, "prefect__sums__manual", native_id)
    _wait(lambda: _shown(dagster, "prefect", "sums", "manual").last_run == "SUCCESS", "its success")

    checks = _checks(dagster, "prefect", "sums", "manual")
    assert checks["last_run_succeeded"] == "SUCCEEDED"
    assert checks["collector_is_fresh"] is not None
    [run] = _runs_of(dagster, "prefect__sums__manual", native_id)
    assert run["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("path", "job"),
    [
        (("airflow", "fails"), "airflow__fails"),
        (("prefect", "fails", "manual"), "prefect__fails__manual"),
    ],
    ids=["airflow", "prefect"],
)
def test_a_run_that_fails_is_a_failure_of_its_asset_and_no_materialization(
    airflow_server: AirflowServer,
    prefect_server: PrefectServer,
    dagster: DagsterServer,
    path: tuple[str, ...],
    job: str,
) -> None:
    if path[0] == "airflow":
        native_id = airflow_server.start_run("fails")
    else:
        native_id = prefect_server.start_run("fails/manual")

    _wait_for_run(dagster, job, native_id)
    _wait(lambda: _shown(dagster, *path).last_run == "FAILURE", "the asset to be red")

    [run] = _runs_of(dagster, job, native_id)
    assert run["status"] == "FAILURE"
    assert _shown(dagster, *path).materialized_at is None
    assert _checks(dagster, *path)["last_run_succeeded"] == "FAILED"


def test_a_dag_that_appears_is_shown_and_one_that_is_renamed_or_deleted_disappears(
    airflow_server: AirflowServer, dagster: DagsterServer
) -> None:
    """Without a restart of anything: the location is loaded anew by itself."""
    text = (
        "from airflow.sdk import DAG\n"
        "from airflow.providers.standard.operators.empty import EmptyOperator\n"
        "with DAG('NAME', schedule=None):\n    EmptyOperator(task_id='nothing')\n"
    )
    file: Path = airflow_server.dags / "renamed.py"
    try:
        file.write_text(text.replace("NAME", "comes"))
        _wait(lambda: ("airflow", "comes") in read_shown(dagster), "the new DAG to show")

        file.write_text(text.replace("NAME", "is_renamed"))
        _wait(lambda: ("airflow", "is_renamed") in read_shown(dagster), "its new name to show")
        _wait(lambda: ("airflow", "comes") not in read_shown(dagster), "its old name to disappear")
    finally:
        file.unlink()
    _wait(lambda: ("airflow", "is_renamed") not in read_shown(dagster), "it to disappear")


def test_a_deployment_that_is_deleted_disappears_and_one_that_is_made_appears(
    prefect_server: PrefectServer, dagster: DagsterServer
) -> None:
    [flow] = prefect_server.request(
        "POST", "/api/flows/filter", {"flows": {"name": {"any_": ["sums"]}}}
    )
    made = prefect_server.request(
        "POST", "/api/deployments/", {"name": "passing", "flow_id": flow["id"]}
    )
    _wait(lambda: ("prefect", "sums", "passing") in read_shown(dagster), "the deployment to show")

    prefect_server.request("DELETE", f"/api/deployments/{made['id']}")
    _wait(lambda: ("prefect", "sums", "passing") not in read_shown(dagster), "it to disappear")


def test_launch_starts_a_run_where_acting_is_allowed(
    airflow_server: AirflowServer, dagster: DagsterServer
) -> None:
    def native_runs() -> int:
        return airflow_server.request("GET", "/api/v2/dags/manual/dagRuns")["total_entries"]

    before = native_runs()
    launched = _launch(dagster, "airflow__manual")
    _wait(lambda: _status(dagster, "airflow__manual", launched) == "SUCCESS", "the launch to end")

    assert native_runs() == before + 1
    _wait(
        lambda: _shown(dagster, "airflow", "manual").materialized_at is not None,
        "the run that it started to show",
    )


def test_launch_is_refused_with_the_reason_where_an_instance_is_read_only(
    prefect_server: PrefectServer, dagster: DagsterServer
) -> None:
    def native_runs() -> int:
        mapped = {"flows": {"name": {"any_": ["mapped"]}}}
        return prefect_server.request("POST", "/api/flow_runs/count", mapped)

    before = native_runs()
    launched = _launch(dagster, "prefect__mapped__manual")
    _wait(
        lambda: _status(dagster, "prefect__mapped__manual", launched) == "FAILURE",
        "the launch to be refused",
    )

    events = dagster.graphql(MESSAGES, run=launched)["logsForRun"]["events"]
    assert any("read-only" in event["error"]["message"] for event in events if "error" in event)
    assert native_runs() == before


def test_an_orchestrator_that_is_killed_fails_its_own_ticks_and_catches_up_when_it_is_back(
    airflow_server: AirflowServer, prefect_server: PrefectServer, dagster: DagsterServer
) -> None:
    def last_error() -> str:
        sensor = dagster.graphql(TICKS, sensor={**REPOSITORY, "sensorName": "airflow__collector"})
        ticks = sensor["sensorOrError"]["sensorState"]["ticks"]
        return " ".join(tick["error"]["message"] for tick in ticks if tick["error"])

    airflow_server.kill()
    try:
        _wait(lambda: "airflow: " in last_error(), "its tick to fail")
        assert airflow_server.password not in last_error()

        native_id = prefect_server.start_run("sums/manual")
        _wait_for_run(dagster, "prefect__sums__manual", native_id)
        assert ("airflow", "classic") in read_shown(dagster)
    finally:
        airflow_server.start()

    native_id = airflow_server.start_run("mapped")
    _wait_for_run(dagster, "airflow__mapped", native_id)
