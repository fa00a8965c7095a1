"""Make `recordings/airflow-VERSION.json` anew, from a real server:

    python -m meta_orch_tests.contract.record_airflow 3.3.2
    python -m meta_orch_tests.contract.record_airflow 3.0.6 --environment FOLDER
    python -m meta_orch_tests.contract.record_airflow 2.11.2
    python -m meta_orch_tests.contract.record_airflow 3.3.2 --only test_a_started_run

The versions that are pinned are installed where they are missing. For another one, make the
environment first: `uv venv FOLDER`, then `uv pip install --python FOLDER apache-airflow==3.0.6
pyjwt==2.10.1 fastapi==0.118.0` (3.0.6 does not start with a newer PyJWT, and its tasks fail with a
newer FastAPI). `recording.py` says what is kept and what
is masked.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click
import pytest

from meta_orch.demo.servers import Airflow2Server, AirflowServer
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
    is_2 = version.startswith("2.")
    make, folder_of_dags = (Airflow2Server, "dags2") if is_2 else (AirflowServer, "dags")
    with tempfile.TemporaryDirectory() as folder:
        dags = shutil.copytree(LIVE / folder_of_dags, Path(folder) / "dags")
        with make(Path(folder) / "server", dags=dags, environment=environment) as server:
            server.wait_for_dags(DAGS)
            found = server.request("GET", f"{server.root}/version")["version"]
            if found != version:
                raise click.ClickException(f"the environment holds Airflow {found}, not {version}")
            studio = Studio(version, server.url, server.password, dags)
            arguments = [
                str(Path(__file__).parent),
                "-k",
                f"{studio.name}-recorded and ({only})",
                "-p",
                "no:xdist",
            ]
            sys.exit(pytest.main(arguments, plugins=[_Hire(studio)]))


if __name__ == "__main__":
    main()
