"""The servers that the other live tests stand on."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import AirflowServer, PrefectServer

pytestmark = pytest.mark.live


def _airflow_run(server: AirflowServer, dag: str) -> str:
    run = server.start_run(dag)
    return _final(lambda: server.run_state(dag, run), {"success", "failed"})


def _prefect_run(server: PrefectServer, deployment: str) -> str:
    run = server.start_run(deployment)
    return _final(lambda: server.run_state(run), {"COMPLETED", "FAILED"})


def _final(read: Callable[[], str], ends: set[str]) -> str:
    wait_until(lambda: read() in ends, what="the run to end", timeout=90)
    return read()


def test_airflow_runs_what_is_triggered_and_says_how_it_went(airflow_server: AirflowServer) -> None:
    assert _airflow_run(airflow_server, "mapped") == "success"
    assert _airflow_run(airflow_server, "fails") == "failed"
    assert _airflow_run(airflow_server, "waits") == "success"


def test_airflow_reads_a_new_dag_file_and_forgets_a_deleted_one(
    airflow_server: AirflowServer,
) -> None:
    file = airflow_server.dags / "appears.py"
    file.write_text(
        "from airflow.sdk import DAG\n"
        "from airflow.providers.standard.operators.empty import EmptyOperator\n"
        "with DAG('appears', schedule=None):\n    EmptyOperator(task_id='nothing')\n"
    )
    airflow_server.wait_for_dags(["appears"], timeout=60)
    file.unlink()

    def names() -> set[str]:
        return {dag["dag_id"] for dag in airflow_server.request("GET", "/api/v2/dags")["dags"]}

    wait_until(lambda: "appears" not in names(), what="the DAG to disappear", timeout=90)


def test_airflow_goes_on_with_its_data_after_a_crash(airflow_server: AirflowServer) -> None:
    before = airflow_server.request("GET", "/api/v2/dags/~/dagRuns")["total_entries"]
    airflow_server.kill()
    with pytest.raises(OSError, match="refused"):
        airflow_server.request("GET", "/api/v2/version")
    airflow_server.start()
    after = airflow_server.request("GET", "/api/v2/dags/~/dagRuns")["total_entries"]
    assert after >= before
    assert _airflow_run(airflow_server, "manual") == "success"


def test_prefect_runs_what_is_triggered_and_says_how_it_went(
    prefect_server: PrefectServer,
) -> None:
    assert _prefect_run(prefect_server, "parent/manual") == "COMPLETED"
    assert _prefect_run(prefect_server, "mapped/manual") == "COMPLETED"
    assert _prefect_run(prefect_server, "fails/manual") == "FAILED"


def test_prefect_goes_on_with_its_data_after_a_crash(prefect_server: PrefectServer) -> None:
    before = prefect_server.request("POST", "/api/flow_runs/count", {})
    prefect_server.kill()
    with pytest.raises(OSError, match="refused"):
        prefect_server.request("GET", "/api/version")
    prefect_server.start()
    assert prefect_server.request("POST", "/api/flow_runs/count", {}) >= before
    assert _prefect_run(prefect_server, "sums/manual") == "COMPLETED"


def test_servers_listen_on_loopback_only(
    airflow_server: AirflowServer, prefect_server: PrefectServer
) -> None:
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in (*airflow_server.processes, *prefect_server.processes)
        for each in psutil.Process(process.pid).children(recursive=True)
        for connection in each.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {("127.0.0.1", airflow_server.port), ("127.0.0.1", prefect_server.port)} <= listening
    assert {address for address, _ in listening} == {"127.0.0.1"}
