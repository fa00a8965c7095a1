"""What only a real Airflow can show: that two ways of asking it tell the same."""

from __future__ import annotations

from collections import Counter

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import AirflowServer
from meta_orch.domain.readings import Catalogue
from meta_orch.orchestrators.airflow import AirflowOrchestrator, catalogue
from meta_orch.orchestrators.airflow.api import AirflowApi

pytestmark = pytest.mark.live

VARIABLE = "AIRFLOW_LIVE_PASSWORD"


@pytest.fixture
def config(airflow_server: AirflowServer, monkeypatch: pytest.MonkeyPatch) -> InstanceConfig:
    monkeypatch.setenv(VARIABLE, airflow_server.password)
    login = {
        "type": "token",
        "username": airflow_server.username,
        "password": f"${{{VARIABLE}}}",
    }
    return InstanceConfig.model_validate(
        {"name": "airflow", "type": "airflow", "url": airflow_server.url, "login": login}
    )


def test_the_newest_runs_of_all_dags_tell_of_each_what_asking_for_its_own_does(
    airflow_server: AirflowServer, config: InstanceConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = airflow_server.start_run("manual")
    wait_until(
        lambda: airflow_server.run_state("manual", run) == "success", what="the run", timeout=90
    )
    asked = Counter[str]()
    ask = AirflowApi.latest_run
    monkeypatch.setattr(
        AirflowApi, "latest_run", lambda api, dag: (asked.update([dag]), ask(api, dag))[1]
    )

    def read_with_a_list_from(dags: int) -> tuple[Catalogue, set[str]]:
        monkeypatch.setattr(catalogue, "_RUNS_FOR", dags)
        asked.clear()
        with AirflowOrchestrator(config) as airflow:
            return airflow.read_catalogue({}), set(asked)

    singly, asked_singly = read_with_a_list_from(1_000)
    from_list, asked_beside_it = read_with_a_list_from(1)

    assert {"manual", "paused"} <= asked_singly
    assert not asked_beside_it
    versions = {pipeline.native_id: pipeline.version for pipeline in singly.pipelines}
    assert versions == {pipeline.native_id: pipeline.version for pipeline in from_list.pipelines}
    assert versions["manual"]
    assert "+" not in versions["manual"]  # no draft: the run has used it
