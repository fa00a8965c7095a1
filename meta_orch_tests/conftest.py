"""Fixtures for every test: the real servers, started once a session by the first test that asks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meta_orch.demo.servers import Airflow2Server, AirflowServer, PrefectServer
from meta_orch.store import connection

pytest_plugins = ["meta_orch_tests.rules"]
SHARED = ["dagster_server", "subject", "airflow_server", "prefect_server", "airflow_2_server"]
"""Fixtures that start servers which run on for others; the last of them for the fewest tests."""

LIVE = Path(__file__).parent / "live"
DAGS = ["classic", "manual", "fails", "mapped", "produces_raw", "cleans_raw", "paused", "waits"]
DEPLOYMENTS = [
    *("sums/manual", "mapped/manual", "parent/manual", "fails/manual"),
    *("scheduled/by-cron", "scheduled/by-interval", "scheduled/by-rrule", "scheduled/paused"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Even an idle server takes its part of the processor, so the tests that share some come last,
    in the order of `SHARED`."""
    items.sort(key=_last_shared)


def _last_shared(item: pytest.Item) -> int:
    """From 1; 0 for a test that asks for none. One may ask for it by its name as a parameter."""
    asked = getattr(item, "fixturenames", ())
    places = (
        place
        for place, name in enumerate(SHARED, 1)
        if name in asked or item.name.endswith(f"[{name}]")
    )
    return max(places, default=0)


@pytest.fixture(scope="session")
def _new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("new") / "store.duckdb"
    connection._make(path)
    return path


@pytest.fixture(autouse=True)
def new_stores_are_copies(_new_store: Path) -> Iterator[None]:
    """Of one that was made in the usual way, which takes a tenth of a second, and that for hundreds
    of tests. Processes that tests start make their own."""

    def copy(path: Path) -> None:
        shutil.copyfile(_new_store, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_make", copy)
        yield


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
def airflow_2_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow2Server]:
    """A running Airflow 2 that has read `live/dags2`."""
    folder = tmp_path_factory.mktemp("airflow2")
    dags = shutil.copytree(LIVE / "dags2", folder / "dags")
    with Airflow2Server(folder / "server", dags=dags) as server:
        server.wait_for_dags(DAGS)
        yield server


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A running Prefect that serves the deployments of `live/flows`."""
    folder = tmp_path_factory.mktemp("prefect")
    with PrefectServer(folder / "server", flows=LIVE / "flows" / "basics.py") as server:
        server.wait_for_deployments(DEPLOYMENTS)
        yield server
