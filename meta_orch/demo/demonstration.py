"""The demonstration from its first step to its last: install, start, tell the story, stop."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from meta_orch.demo import environments
from meta_orch.demo.errors import DemoError
from meta_orch.demo.processes import check_port, stop_all
from meta_orch.demo.servers import AirflowServer, DagsterServer, PrefectServer, Server
from meta_orch.demo.servers.base import write_privately
from meta_orch.demo.servers.dagster import SCRIPTS
from meta_orch.demo.steps import Steps
from meta_orch.demo.story import (
    AIRFLOW,
    ALERTS,
    DAGSTER,
    DECLARED_EDGES,
    DEPLOYMENTS,
    GATES,
    PREFECT,
    RESOURCES,
    SLAS,
    TRIGGERS,
    WATCHED,
    Story,
)

DATA_VARIABLE = "META_ORCH_DEMO_DATA"
AIRFLOW_PASSWORD = "META_ORCH_DEMO_AIRFLOW_PASSWORD"  # noqa: S105 the variable's name
PREFECT_PASSWORD = "META_ORCH_DEMO_PREFECT_PASSWORD"  # noqa: S105 the variable's name
SECRETS_FILE = "secrets.env"

_PIPELINES = Path(__file__).parent
_LOCATIONS = {
    "meta_orch": "meta_orch.definitions",
    "warehouse": "meta_orch.demo.warehouse.definitions",
}
_DAGS = tuple(
    file.stem for file in (_PIPELINES / "airflow_dags").glob("*.py") if file.stem != "shop"
)
_WATCH_SECONDS = 1


@contextmanager
def running(folder: Path, *, port: int | None, steps: Steps) -> Iterator[Story]:
    """All servers, started in `folder` and stopped on leaving, with the story begun.

    Args:
        folder: made where it does not exist, gone on with where it does.
        port: of the Dagster webserver; a free one where it is None.

    Raises:
        DemoError: something cannot be installed or started; the text says what to do.
    """
    if port is not None:
        check_port(port)
    with steps.step("Install Airflow") as say:
        airflow_environment = environments.ensure_environment(environments.AIRFLOW, progress=say)
    with steps.step("Install Prefect") as say:
        prefect_environment = environments.ensure_environment(environments.PREFECT, progress=say)

    data = folder.absolute() / "data"
    data.mkdir(parents=True, exist_ok=True)
    shared = {DATA_VARIABLE: str(data)}
    prefect_password = secrets.token_urlsafe(16)
    airflow = AirflowServer(
        folder / "airflow",
        dags=_PIPELINES / "airflow_dags",
        environment=airflow_environment,
        settings=shared,
    )
    prefect = PrefectServer(
        folder / "prefect",
        flows=_PIPELINES / "prefect_flows" / "deploy.py",
        password=prefect_password,
        environment=prefect_environment,
        settings=shared,
    )
    logins = {AIRFLOW_PASSWORD: airflow.password, PREFECT_PASSWORD: prefect_password}
    configuration = folder.absolute() / "meta_orch.yaml"
    dagster = DagsterServer(
        folder / "dagster",
        locations=_LOCATIONS,
        port=port,
        settings={**shared, **logins, "META_ORCH_CONFIG": str(configuration)},
    )
    configuration.write_text(_configuration(airflow, prefect, dagster))
    write_privately(
        folder / SECRETS_FILE,
        "".join(f"{name}={value}\n" for name, value in logins.items()),
    )

    servers: tuple[Server, ...] = (airflow, prefect, dagster)
    story = Story(airflow, prefect, dagster, steps)
    with ExitStack() as stack:
        stack.callback(_stop, servers, steps)
        with steps.step("Start Airflow and Prefect"):
            prefect.launch()
            airflow.launch()
            airflow.wait_until_ready()
            prefect.wait_until_ready()
        with steps.step("Deploy the pipelines"):
            airflow.wait_for_dags(_DAGS)
            prefect.wait_for_deployments(DEPLOYMENTS)
            story.begin()
        with steps.step("Read what there is"):
            # The sensors would do it too, but then Dagster had to load the location once more.
            sync = [SCRIPTS / "meta-orch", "sync", AIRFLOW, PREFECT]
            dagster.run("meta-orch sync", sync, what="the catalogues to be read")
        with steps.step("Start Dagster"):
            dagster.launch()
            dagster.wait_until_ready()
        yield story


def watch(story: Story) -> None:
    """Wait for as long as everything runs.

    Raises:
        ProcessDied: something no longer does.
    """
    while True:
        for server in (story.airflow, story.prefect, story.dagster):
            for process in server.processes:
                process.check()
        time.sleep(_WATCH_SECONDS)


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep `folder` to one demonstration. Raises `DemoError` where another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DemoError(
            f"another demonstration runs in {folder}: stop it, or choose another --folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _stop(servers: tuple[Server, ...], steps: Steps) -> None:
    with steps.step("Stop every process"):
        stop_all(process for server in servers for process in server.processes)


def _configuration(airflow: AirflowServer, prefect: PrefectServer, dagster: DagsterServer) -> str:
    every: dict[str, Any] = {"poll_interval": "5s", "environment": "demo"}
    acting = {"read_only": False}  # for Launch in Dagster, the gate and the trigger
    airflow_login = {
        "type": "token",
        "username": airflow.username,
        "password": f"${{{AIRFLOW_PASSWORD}}}",
    }
    prefect_login = {
        "type": "basic",
        "username": prefect.username,
        "password": f"${{{PREFECT_PASSWORD}}}",
    }
    content = {
        "version": 1,
        "instances": [
            {
                "name": AIRFLOW,
                "type": "airflow",
                "url": airflow.url,
                "login": airflow_login,
                **acting,
                **every,
            },
            {
                "name": PREFECT,
                "type": "prefect",
                "url": prefect.api_url,
                "login": prefect_login,
                **acting,
                **every,
            },
            {"name": DAGSTER, "type": "dagster", **every},
        ],
        "edges": [
            {"upstream": upstream, "downstream": downstream}
            for upstream, downstream in DECLARED_EDGES
        ],
        "gates": list(GATES),
        "triggers": list(TRIGGERS),
        "slas": list(SLAS),
        "resources": list(RESOURCES),
        "analytics": {"watched": list(WATCHED)},
        "alerts": ALERTS,
        "dagster": {"webserver_url": dagster.url},
    }
    return (
        "# Written anew by each start of `meta-orch demo`.\n"
        f"# To use it elsewhere: set -a; . ./{SECRETS_FILE}; set +a; meta-orch check\n"
        + yaml.safe_dump(content, sort_keys=False)
    )
