"""A person's first hour on real servers: init, check, sync, sql."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meta_orch.cli import main
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import AirflowServer, PrefectServer

pytestmark = pytest.mark.live

Run = Callable[..., Result]


@pytest.fixture
def run(
    airflow_server: AirflowServer,
    prefect_server: PrefectServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """The command line in a folder where `init` has named the two servers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_PASSWORD", airflow_server.password)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, catch_exceptions=False)

    result = run(
        *("init", "--no-this-dagster", "--username", airflow_server.username),
        *("--airflow", airflow_server.url, "--prefect", prefect_server.api_url),
    )
    assert result.exit_code == 0, result.output
    return run


def _verdicts(result: Result) -> dict[str, dict[str, str]]:
    return {
        instance["instance"]: {c["name"]: c["verdict"] for c in instance["capabilities"]}
        for instance in json.loads(result.stdout)
    }


def test_what_init_wrote_checks_out(run: Run) -> None:
    result = run("check", "--json")

    assert result.exit_code == 0, result.stdout
    for verdicts in _verdicts(result).values():
        assert verdicts["log in"] == "works"
        assert verdicts["read pipelines"] == "works"
        assert verdicts["read runs"] == "works"
        assert verdicts["read pools"] == "works"
        assert verdicts["start runs"] == "off"
    assert _verdicts(result)["airflow"]["read sources"] == "works"


def test_an_instance_that_may_act_says_that_it_can(run: Run) -> None:
    file = Path("meta_orch.yaml")
    file.write_text(file.read_text().replace("# read_only: false", "read_only: false"))

    verdicts = _verdicts(run("check", "--json"))

    assert verdicts["airflow"]["start runs"] == verdicts["prefect"]["start runs"] == "works"


def test_a_wrong_password_is_named_and_never_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_PASSWORD", "hunter2")

    result = run("check")

    assert result.exit_code == 1
    assert "AIRFLOW_PASSWORD" in result.stdout
    assert "hunter2" not in result.output
    assert "needs a change: airflow" in result.stdout


def test_what_ran_can_be_asked_in_sql(run: Run, airflow_server: AirflowServer) -> None:
    triggered = airflow_server.start_run("manual")
    wait_until(
        lambda: airflow_server.run_state("manual", triggered) == "success",
        what="the run to succeed",
        timeout=90,
    )

    synced = run("sync")
    answer = run(
        *("sql", "-f", "json"),
        f"SELECT pipeline, state FROM runs WHERE run_id = '{triggered}'",  # noqa: S608  # our own id
    )

    assert synced.exit_code == 0, synced.output
    assert json.loads(answer.stdout) == [{"pipeline": "manual", "state": "succeeded"}]
