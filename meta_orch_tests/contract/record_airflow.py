"""Make `recordings/airflow-VERSION.json` anew, from a real server:

    python -m meta_orch_tests.contract.record_airflow 3.3.2
    python -m meta_orch_tests.contract.record_airflow 3.0.6 --environment FOLDER
    python -m meta_orch_tests.contract.record_airflow 3.3.2 --only test_a_started_run

The version that the demonstration pins is installed where it is missing. For another one, make the
environment first: `uv venv FOLDER`, then `uv pip install --python FOLDER apache-airflow==3.0.6
pyjwt==2.10.1` (3.0.6 does not start with a newer PyJWT). `recording.py` says what is kept and what
is masked.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click
import pytest

from meta_orch.demo.servers import AirflowServer
from meta_orch_tests.conftest import DAGS, LIVE
from meta_orch_tests.contract.airflow import Studio


class _Hire:
    """Puts the studio where the subject looks for it."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._studio, "studio")


@click.command()
@click.argument("version")
@click.option("--environment", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--only", default="test", help="A `-k` expression: the tests to record.")
def main(version: str, environment: Path | None, only: str) -> None:
    name = f"airflow-{version}"
    with tempfile.TemporaryDirectory() as folder:
        dags = shutil.copytree(LIVE / "dags", Path(folder) / "dags")
        with AirflowServer(Path(folder) / "server", dags=dags, environment=environment) as server:
            server.wait_for_dags(DAGS)
            found = server.request("GET", "/api/v2/version")["version"]
            if found != version:
                raise click.ClickException(f"the environment holds Airflow {found}, not {version}")
            studio = Studio(name, server.url, server.password, dags)
            arguments = [
                str(Path(__file__).parent),
                "-k",
                f"{name}-recorded and ({only})",
                "-p",
                "no:xdist",
            ]
            sys.exit(pytest.main(arguments, plugins=[_Hire(studio)]))


if __name__ == "__main__":
    main()
