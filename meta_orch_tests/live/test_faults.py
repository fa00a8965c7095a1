"""What a tick makes of the faults of real servers.

The sensors are ticked by hand, in this process and over a real Dagster instance: as the daemon
does, without waiting for it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, RunRequest, build_sensor_context

from meta_orch.config import InstanceConfig, MetaOrchConfig, StoreConfig
from meta_orch.defs import build_definitions
from meta_orch.defs.collector import CollectorFailed
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import AirflowServer, PrefectServer
from meta_orch.domain.readings import Changes
from meta_orch.orchestrators import connect
from meta_orch.orchestrators.airflow import AirflowOrchestrator
from meta_orch.orchestrators.base import Orchestrator
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch.store import CollectorStatus, Store

pytestmark = pytest.mark.live

AIRFLOW, PREFECT = "airflow", "prefect"
SECRET = "META_ORCH_TEST_SECRET"
RUNS = 4
ENDS_WITHIN = 150
"""Seconds, on two cores that all the servers share."""


@dataclass
class Pane:
    """A code location over both servers."""

    dagster: DagsterInstance
    folder: Path
    instances: tuple[InstanceConfig, ...]
    adapters: dict[str, Orchestrator] = field(default_factory=dict)
    """By instance, where a test brings its own."""
    made: list[Orchestrator] = field(default_factory=list)
    cursors: dict[str, str | None] = field(default_factory=dict)

    def tick(self, instance: str) -> None:
        """Raises what the sensor raises."""
        defs = build_definitions(
            MetaOrchConfig(instances=self.instances, store=StoreConfig(path=self.store.path)),
            connect=self._connect,
        )
        context = build_sensor_context(instance=self.dagster, cursor=self.cursors.get(instance))
        result = defs.resolve_sensor_def(f"{instance}__collector")(context)
        assert not isinstance(result, RunRequest), "more runs than a tick mirrors by itself"
        self.cursors[instance] = context.cursor

    def tick_twice(self, instance: str) -> None:
        self.tick(instance)
        self.tick(instance)

    def status(self, instance: str) -> CollectorStatus:
        with self.store.read() as reader:
            return reader.collectors()[instance]

    def times_shown(self) -> Counter[str]:
        """How often Dagster shows each run, by its native id."""
        return Counter(
            run.tags["meta_orch/run_id"]
            for run in self.dagster.get_runs()
            if "meta_orch/run_id" in run.tags
        )

    @property
    def store(self) -> Store:
        return Store(self.folder / "store.duckdb")

    def close(self) -> None:
        for adapter in self.made:
            adapter.close()

    def _connect(self, config: InstanceConfig, _: DagsterInstance) -> Orchestrator:
        adapter = self.adapters.get(config.name) or connect(config)
        self.made.append(adapter)
        return adapter


@pytest.fixture
def dagster(tmp_path: Path) -> Iterator[DagsterInstance]:
    home = tmp_path / "dagster"
    home.mkdir()
    with DagsterInstance.local_temp(str(home)) as instance:
        yield instance


@pytest.fixture
def airflow(airflow_server: AirflowServer, monkeypatch: pytest.MonkeyPatch) -> InstanceConfig:
    monkeypatch.setenv("META_ORCH_TEST_AIRFLOW_PASSWORD", airflow_server.password)
    return InstanceConfig.model_validate(
        {
            "name": AIRFLOW,
            "type": AIRFLOW,
            "url": airflow_server.url,
            "login": {
                "type": "token",
                "username": airflow_server.username,
                "password": "${META_ORCH_TEST_AIRFLOW_PASSWORD}",
            },
            "include": ["manual"],
            "timeouts": {"connect": "2s"},
        }
    )


@pytest.fixture
def prefect(prefect_server: PrefectServer) -> InstanceConfig:
    return InstanceConfig.model_validate(
        {
            "name": PREFECT,
            "type": PREFECT,
            "url": prefect_server.api_url,
            "include": ["sums/manual"],
            "timeouts": {"connect": "2s"},
        }
    )


@pytest.fixture
def pane(
    dagster: DagsterInstance, tmp_path: Path, airflow: InstanceConfig, prefect: InstanceConfig
) -> Iterator[Pane]:
    pane = Pane(dagster, tmp_path, (airflow, prefect))
    yield pane
    pane.close()


def _wait_for_ends(is_ended: Callable[[], bool]) -> None:
    wait_until(is_ended, what="the runs to end", timeout=ENDS_WITHIN)


def _run_dags(server: AirflowServer, count: int) -> list[str]:
    runs = [server.start_run("manual") for _ in range(count)]
    _wait_for_ends(lambda: all(server.run_state("manual", run) == "success" for run in runs))
    return runs


def _run_flows(server: PrefectServer, count: int) -> list[str]:
    runs = [server.start_run("sums/manual") for _ in range(count)]
    _wait_for_ends(lambda: all(server.run_state(run) == "COMPLETED" for run in runs))
    return runs


def _kill_after_a_page(
    adapter: Orchestrator,
    server: AirflowServer | PrefectServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Orchestrator:
    """The adapter, whose server is killed when it has given its first page with runs."""
    read = adapter.read_changes

    def read_changes(*args: Any, **kwargs: Any) -> Iterator[Changes]:
        for page in read(*args, **kwargs):
            if page.runs:
                server.kill()
            yield page

    monkeypatch.setattr(adapter, "read_changes", read_changes)
    return adapter


@pytest.mark.parametrize("killed", [AIRFLOW, PREFECT])
def test_what_a_server_had_given_when_it_was_killed_is_shown_and_the_rest_once_it_is_back(
    killed: str,
    pane: Pane,
    airflow_server: AirflowServer,
    prefect_server: PrefectServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = datetime.now(UTC)
    server = airflow_server if killed == AIRFLOW else prefect_server
    runs = {
        AIRFLOW: lambda: _run_dags(airflow_server, RUNS),
        PREFECT: lambda: _run_flows(prefect_server, RUNS),
    }[killed]()
    lookback = datetime.now(UTC) - begun + timedelta(seconds=1)
    pane.instances = tuple(
        instance.model_copy(update={"lookback": lookback}) for instance in pane.instances
    )
    config = next(instance for instance in pane.instances if instance.name == killed)
    slow = (AirflowOrchestrator if killed == AIRFLOW else PrefectOrchestrator)(config, page_size=1)
    other = PREFECT if killed == AIRFLOW else AIRFLOW

    pane.adapters[killed] = _kill_after_a_page(slow, server, monkeypatch)
    try:
        with pytest.raises(CollectorFailed, match=f"^{killed}: .*{server.port}"):
            pane.tick_twice(killed)  # on a busy machine the first may not come to the runs
        pane.tick(other)
        assert 0 < len(pane.times_shown().keys() & set(runs)) < RUNS
        assert pane.status(killed).error
        assert not pane.status(killed).caught_up
        assert pane.status(other).caught_up
    finally:
        del pane.adapters[killed]
        server.start()

    pane.tick(killed)

    assert pane.status(killed).caught_up
    assert pane.status(killed).error is None
    shown = pane.times_shown()
    assert {run: shown[run] for run in runs} == dict.fromkeys(runs, 1)
    assert set(shown.values()) == {1}


@pytest.fixture(scope="module")
def guarded_prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect that asks for a password."""
    with PrefectServer(tmp_path_factory.mktemp("guarded"), password="right-password") as server:
        yield server


def _guarded(server: AirflowServer | PrefectServer, kind: str) -> InstanceConfig:
    return InstanceConfig.model_validate(
        {
            "name": "guarded",
            "type": kind,
            "url": server.url,
            "login": {
                "type": "token" if kind == AIRFLOW else "basic",
                "username": server.username,
                "password": f"${{{SECRET}}}",
            },
        }
    )


@pytest.mark.parametrize("kind", [AIRFLOW, PREFECT])
def test_a_wrong_password_fails_the_tick_by_its_variable_until_it_is_right(
    kind: str,
    pane: Pane,
    airflow_server: AirflowServer,
    guarded_prefect: PrefectServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = airflow_server if kind == AIRFLOW else guarded_prefect
    pane.instances = (_guarded(server, kind), *pane.instances)
    monkeypatch.setenv(SECRET, "wrong-password")

    with pytest.raises(CollectorFailed, match=f"^guarded: .*{SECRET}") as refused:
        pane.tick("guarded")
    assert "wrong-password" not in str(refused.value)
    assert SECRET in (pane.status("guarded").error or "")
    pane.tick(PREFECT)
    assert pane.status(PREFECT).caught_up

    monkeypatch.setenv(SECRET, server.password or "")
    pane.tick("guarded")
    assert pane.status("guarded").error is None


def test_an_expired_token_fails_the_tick_until_there_is_a_new_one(
    pane: Pane, airflow_server: AirflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"username": airflow_server.username, "password": airflow_server.password}
    token = airflow_server.request("POST", "/auth/token", login)["access_token"]
    pane.instances = (
        InstanceConfig.model_validate(
            {
                "name": "guarded",
                "type": AIRFLOW,
                "url": airflow_server.url,
                "login": {"type": "bearer", "token": f"${{{SECRET}}}"},
            }
        ),
        *pane.instances,
    )
    expired = _expired(token, airflow_server)
    monkeypatch.setenv(SECRET, expired)

    with pytest.raises(CollectorFailed, match=f"^guarded: .*{SECRET}") as refused:
        pane.tick("guarded")
    assert expired not in str(refused.value)
    pane.tick(PREFECT)
    assert pane.status(PREFECT).caught_up

    monkeypatch.setenv(SECRET, token)
    pane.tick("guarded")
    assert pane.status("guarded").error is None


def _expired(token: str, server: AirflowServer) -> str:
    """The same token as the server would have issued it the day before yesterday."""
    header, payload, _ = token.split(".")
    claims = json.loads(urlsafe_b64decode(payload + "=="))
    two_days = timedelta(days=2).total_seconds()
    moved = {name: claims[name] - two_days for name in ("iat", "nbf", "exp") if name in claims}
    signed = f"{header}.{_encode(json.dumps({**claims, **moved}).encode())}"
    algorithm = json.loads(urlsafe_b64decode(header + "=="))["alg"]
    assert algorithm == "HS512"
    key = json.loads((server.folder / "secrets.json").read_text())["jwt"]
    signature = hmac.new(key.encode(), signed.encode(), hashlib.sha512).digest()
    return f"{signed}.{_encode(signature)}"


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
