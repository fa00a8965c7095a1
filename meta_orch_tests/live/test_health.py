"""What real servers say does not work of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from meta_orch.config import InstanceConfig
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import AirflowServer, DagsterServer, PrefectServer
from meta_orch.domain.health import Problem, ProblemKind
from meta_orch.orchestrators import connect
from meta_orch.orchestrators.base import Orchestrator, ReadsHealth

pytestmark = pytest.mark.live

PASSWORD = "META_ORCH_HEALTH_PASSWORD"


def health(opened: AbstractContextManager[Orchestrator]) -> tuple[Problem, ...]:
    with opened as orchestrator:
        assert isinstance(orchestrator, ReadsHealth)
        return orchestrator.read_health()


def wait_for(read: Callable[[], tuple[Problem, ...]], count: int) -> tuple[Problem, ...]:
    wait_until(
        lambda: len(read()) == count,
        what=f"{count} problems",
        timeout=120,
        why_not=lambda: repr(read()),
    )
    return read()


@pytest.mark.parametrize("fixture", ["airflow_server", "airflow_2_server"])
def test_airflow_names_a_file_that_cannot_be_imported_until_it_can(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, fixture: str
) -> None:
    server: AirflowServer = request.getfixturevalue(fixture)
    monkeypatch.setenv(PASSWORD, server.password)
    kind = "token" if fixture == "airflow_server" else "basic"
    config = InstanceConfig.model_validate(
        {
            "name": "airflow",
            "type": "airflow",
            "url": server.url,
            "login": {
                "type": kind,
                "username": server.username,
                "password": f"${{{PASSWORD}}}",
            },
        }
    )

    def read() -> tuple[Problem, ...]:
        return health(connect(config))

    assert read() == ()
    file = server.dags / "broken.py"
    file.write_text("from airflow import DAG\nraise KeyError('broken on purpose')\n")
    try:
        (problem,) = wait_for(read, 1)
        assert problem.kind is ProblemKind.IMPORT_FAILED
        assert problem.part.endswith("broken.py")
        assert problem.text == "KeyError: 'broken on purpose'"
        assert problem.since is not None
    finally:
        file.unlink()
    wait_for(read, 0)


def test_prefect_names_a_work_pool_that_has_deployments_and_no_worker(
    prefect_server: PrefectServer,
) -> None:
    url = prefect_server.api_url
    config = InstanceConfig.model_validate({"name": "prefect", "type": "prefect", "url": url})
    assert health(connect(config)) == ()
    prefect_server.request("POST", "/api/work_pools/", {"name": "lonely", "type": "process"})
    assert health(connect(config)) == (), "nothing is to run there"
    flow = prefect_server.request("GET", "/api/flows/name/sums")["id"]
    deployment = {"name": "lonely", "flow_id": flow, "work_pool_name": "lonely"}
    made = prefect_server.request("POST", "/api/deployments/", deployment)
    try:
        (problem,) = health(connect(config))
        assert (problem.kind, problem.part) == (ProblemKind.WORKER_GONE, "lonely")
    finally:
        prefect_server.request("DELETE", f"/api/deployments/{made['id']}")
        prefect_server.request("DELETE", "/api/work_pools/lonely")


def test_a_dagster_that_is_well_has_no_problems_once_its_daemons_run(tmp_path: Path) -> None:
    (tmp_path / "well.py").write_text("import dagster\n\ndefs = dagster.Definitions()\n")
    server = DagsterServer(
        tmp_path / "dagster",
        locations={"well": "well"},
        settings={"PYTHONPATH": str(tmp_path)},
    )
    with server:
        config = InstanceConfig.model_validate(
            {"name": "dagster", "type": "dagster", "url": server.url}
        )
        wait_for(lambda: health(connect(config)), 0)
