"""Fixtures for every test: the real servers, started once a session by the first test that asks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meta_orch.demo.servers import AirflowServer, PrefectServer

pytest_plugins = ["meta_orch_tests.rules"]

LIVE = Path(__file__).parent / "live"
DAGS = ["classic", "manual", "fails", "mapped", "produces_raw", "cleans_raw", "paused", "waits"]
DEPLOYMENTS = [
    *("sums/manual", "mapped/manual", "parent/manual", "fails/manual"),
    *("scheduled/by-cron", "scheduled/by-interval", "scheduled/by-rrule", "scheduled/paused"),
]

_STARTS_ITS_OWN = (
    *("benchmarks", "browser", "live/test_demo.py", "live/test_servers.py"),
    "orchestrators/prefect/test_live.py",
)
"""Of what runs on real servers, that which does not share those below."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2 --dist loadgroup`, one process runs what shares servers, and the other what starts
    its own: both mostly wait."""
    root = Path(__file__).parent
    for item in items:
        if item.get_closest_marker("live") or item.get_closest_marker("browser"):
            is_apart = any(item.path.is_relative_to(root / place) for place in _STARTS_ITS_OWN)
            item.add_marker(pytest.mark.xdist_group("own servers" if is_apart else "shared ones"))


@pytest.fixture(scope="session")
def airflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """A running Airflow that has read `live/dags`. Its `dags` folder is a copy: tests may add,
    change and remove files there, and put back what they changed."""
    folder = tmp_path_factory.mktemp("airflow")
    dags = shutil.copytree(LIVE / "dags", folder / "dags")
    with AirflowServer(folder / "server", dags=dags) as server:
        server.wait_for_dags(DAGS)
        yield server


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A running Prefect that serves the deployments of `live/flows`."""
    folder = tmp_path_factory.mktemp("prefect")
    with PrefectServer(folder / "server", flows=LIVE / "flows" / "basics.py") as server:
        server.wait_for_deployments(DEPLOYMENTS)
        yield server
