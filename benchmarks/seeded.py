"""Real servers with as many pipelines as are wanted, and some runs that ended an hour ago; or with
as much as is wanted of both, and nothing that goes on."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.programs.bare import PIPELINES
from benchmarks.seeding import Extent, seed_airflow, seed_prefect
from meta_orch.config.models import InstanceConfig
from meta_orch.demo.processes import Process, wait_until
from meta_orch.demo.servers import (
    Airflow2Server,
    AirflowServer,
    DagsterServer,
    PrefectServer,
    Server,
)
from meta_orch.domain.time import parse_instant

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(__file__).parent / "programs"
RUNS = 5
"""Finished runs on each server, of as many pipelines where there are so many."""
ENDED = timedelta(hours=1)
"""How long ago: longer than any reader looks back for what was committed late."""
_SECONDS = 300
_TIMES = frozenset({"updated_at", "queued_at", "start_date", "end_date", "start_time", "end_time"})


class Subject(ABC):
    """A server that is read. It runs from entering the context to leaving it."""

    type: str
    server: Server

    @abstractmethod
    def version(self) -> str: ...

    def config(self, url: str | None = None, **settings: Any) -> InstanceConfig:
        """What meta_orch is told of it.

        Args:
            url: of a proxy before it.
            settings: of the instance, as in `meta_orch.yaml`.
        """
        about = {"name": self.name, "type": self.type, "url": url or self.server.url}
        return InstanceConfig.model_validate({**about, **self.login(), **settings})

    @property
    def name(self) -> str:
        return f"{self.type}_prod"

    def login(self) -> dict[str, Any]:
        """What `meta_orch.yaml` says of it: nothing, or `login` with a reference to a secret, which
        stands in this process's environment."""
        return {}

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.stop()


class Seeded(Subject):
    """`grow` fills it."""

    @abstractmethod
    def grow(self, pipelines: int) -> None:
        """Have so many pipelines, and no run that is open or ended less than an hour ago."""

    @abstractmethod
    def pipeline_name(self, number: int) -> str:
        """Of one of its pipelines, counted from 0."""

    @abstractmethod
    def start_run(self, number: int) -> str:
        """Start a run of a pipeline that ends soon; its id."""

    @abstractmethod
    def ended_at(self, number: int, run: str) -> datetime | None:
        """When the run ended, as the server itself has it; None while it has not."""


class SeededAirflow(Seeded):
    type = "airflow"
    _PASSWORD = "BENCHMARK_AIRFLOW_PASSWORD"  # noqa: S105  # the variable's name

    def __init__(self, folder: Path) -> None:
        self.server = self._airflow = AirflowServer(
            folder / "server",
            dags=folder / "dags",
            # Reading hundreds of DAGs again and again would keep a core busy.
            settings={"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60"},
        )
        self._pipelines = self._airflow.dags / "pipelines.txt"
        os.environ[self._PASSWORD] = self._airflow.password

    def grow(self, pipelines: int) -> None:
        self._pipelines.write_text(str(pipelines))
        # Copied last, and anew: a changed file is read before its time.
        shutil.copyfile(PROGRAMS / "airflow_dags.py", self._airflow.dags / "benchmark.py")
        wait_until(
            lambda: self._count("/api/v2/dags?limit=1") == pipelines,
            what=f"Airflow to read {pipelines} DAGs",
            timeout=_SECONDS,
            processes=self._airflow.processes,
        )
        runs = [(number, self.start_run(number)) for number in range(min(RUNS, pipelines))]
        wait_until(
            lambda: all(self.ended_at(*run) for run in runs),
            what="Airflow to finish runs",
            timeout=_SECONDS,
            processes=self._airflow.processes,
        )
        # In Airflow's own database: its API sets no time of the past.
        _move_back(self._airflow.folder / "airflow.db", ("dag_run", "task_instance"))

    def version(self) -> str:
        return f"Airflow {self._airflow.request('GET', '/api/v2/version')['version']}"

    def pipeline_name(self, number: int) -> str:
        return f"pipeline_{number:05}"

    def start_run(self, number: int) -> str:
        return self._airflow.start_run(self.pipeline_name(number))

    def ended_at(self, number: int, run: str) -> datetime | None:
        path = f"/api/v2/dags/{self.pipeline_name(number)}/dagRuns/{run}"
        return parse_instant(self._airflow.request("GET", path)["end_date"])

    def _count(self, path: str) -> int:
        return self._airflow.request("GET", path)["total_entries"]

    def login(self) -> dict[str, Any]:
        login = {"type": "token", "username": AirflowServer.username}
        return {"login": {**login, "password": f"${{{self._PASSWORD}}}"}}


class SeededPrefect(Seeded):
    type = "prefect"
    _PASSWORD = "BENCHMARK_PREFECT_PASSWORD"  # noqa: S105  # the variable's name

    def __init__(self, folder: Path) -> None:
        password = secrets.token_urlsafe(16)
        self.server = self._prefect = PrefectServer(folder / "server", password=password)
        os.environ[self._PASSWORD] = password
        self._grown = 0

    def grow(self, pipelines: int) -> None:
        for number in range(self._grown, pipelines):
            flow_name, _, name = self.pipeline_name(number).partition("/")
            flow = self._prefect.request("POST", "/api/flows/", {"name": flow_name})
            self._prefect.request(
                "POST",
                "/api/deployments/",
                {
                    "name": name,
                    "flow_id": flow["id"],
                    "entrypoint": f"pipelines/{flow_name}.py:run",
                    "tags": ["warehouse"],
                    # Once a year, so that no run comes of itself while others are counted.
                    "schedules": [{"schedule": {"cron": "0 0 1 1 *"}}],
                },
            )
            if number < RUNS:
                self.start_run(number)
        self._grown = pipelines
        # In Prefect's own database: its API sets no time of the past.
        _move_back(self._prefect.folder / "prefect.db", ("flow_run",))

    def version(self) -> str:
        return f"Prefect {self._prefect.request('GET', '/api/admin/version')}"

    def pipeline_name(self, number: int) -> str:
        return f"pipeline-{number:05}/nightly"

    def start_run(self, number: int) -> str:
        """What a worker reports of one: it began, it ended."""
        run = self._prefect.start_run(self.pipeline_name(number))
        for state in ("PENDING", "RUNNING", "COMPLETED"):
            path = f"/api/flow_runs/{run}/set_state"
            self._prefect.request("POST", path, {"state": {"type": state}})
        return run

    def ended_at(self, number: int, run: str) -> datetime | None:
        return parse_instant(self._prefect.request("GET", f"/api/flow_runs/{run}")["end_time"])

    def login(self) -> dict[str, Any]:
        login = {"type": "basic", "username": PrefectServer.username}
        return {"login": {**login, "password": f"${{{self._PASSWORD}}}"}}


class SeededDagster(Seeded):
    """Another deployment, read over its webserver. Its runs ended just now, not an hour ago: a
    reader that looks back a minute sees them a while longer."""

    type = "dagster"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = self._dagster = self._with(0)

    def grow(self, pipelines: int) -> None:
        """Start it anew, with so many."""
        self._dagster.stop()
        self.server = self._dagster = self._with(pipelines)
        self._dagster.start()
        runs = [(number, self.start_run(number)) for number in range(min(2, pipelines))]
        wait_until(
            lambda: all(self.ended_at(*run) for run in runs),
            what="Dagster to finish runs",
            timeout=_SECONDS,
            processes=self._dagster.processes,
        )

    def version(self) -> str:
        return f"Dagster {self._dagster.graphql('{ version }')['version']}"

    def pipeline_name(self, number: int) -> str:
        return f"{_LOCATION}/{_job(number)}"

    def start_run(self, number: int) -> str:
        answer = self._dagster.graphql(_LAUNCH, location=_LOCATION, job=_job(number))
        return answer["launchRun"]["run"]["runId"]

    def ended_at(self, number: int, run: str) -> datetime | None:
        ended = self._dagster.graphql(_ENDED, run=run)["runOrError"]["endTime"]
        return None if ended is None else datetime.fromtimestamp(ended, UTC)

    def __enter__(self) -> Self:
        """`grow` starts it: its jobs are code."""
        return self

    def _with(self, pipelines: int) -> DagsterServer:
        return DagsterServer(
            self._folder / f"server_{pipelines}",
            locations={_LOCATION: "benchmarks.programs.dagster_jobs"},
            settings={"PYTHONPATH": str(ROOT), PIPELINES: str(pipelines)},
        )


class SeededPast(Subject):
    """Has runs behind it and does nothing but answer: what would start runs or tidy up is off."""

    connections: int = InstanceConfig.model_fields["connections"].default
    """How many meta_orch reads over, as its documentation advises."""

    def __init__(
        self, folder: Path, extent: Extent, settings: Mapping[str, str] | None = None
    ) -> None:
        """Args:
        settings: environment variables of the server's processes.
        """
        self._folder = folder / "server"
        self._settings = settings or {}
        self.extent = extent

    @abstractmethod
    def seed(self, now: datetime) -> None:
        """Make its database, as if it were `now`."""

    @abstractmethod
    def is_page(self, target: str) -> bool:
        """Whether a request asks for runs or task runs, and not for the catalogue."""


class PastAirflow(SeededPast):
    type = "airflow"
    _PASSWORD = "BENCHMARK_PAST_AIRFLOW_PASSWORD"  # noqa: S105  # the variable's name

    def __init__(
        self, folder: Path, extent: Extent, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, extent, settings)
        self.server = self._airflow = _AirflowApi(
            self._folder, dags=folder / "dags", settings=self._settings
        )
        os.environ[self._PASSWORD] = self._airflow.password

    def seed(self, now: datetime) -> None:
        seed_airflow(self._folder, self._airflow.environment, self.extent, now)

    def is_page(self, target: str) -> bool:
        return target.startswith("/api/v2/dags/~/dagRuns")

    def version(self) -> str:
        return f"Airflow {self._airflow.request('GET', '/api/v2/version')['version']}"

    def login(self) -> dict[str, Any]:
        login = {"type": "token", "username": AirflowServer.username}
        return {"login": {**login, "password": f"${{{self._PASSWORD}}}"}}


class PastAirflow2(SeededPast):
    type = "airflow"
    PASSWORD = "BENCHMARK_PAST_AIRFLOW_2_PASSWORD"  # noqa: S105  # the variable's name

    def __init__(self, folder: Path, extent: Extent) -> None:
        super().__init__(folder, extent)
        self.server = self._airflow = _Airflow2Api(self._folder, dags=folder / "dags")
        os.environ[self.PASSWORD] = self._airflow.password

    def seed(self, now: datetime) -> None:
        airflow = self._airflow
        seed_airflow(self._folder, airflow.environment, self.extent, now, Airflow2Server)
        # Its user is that of the server which made the rows, with a password of its own.
        with closing(sqlite3.connect(airflow.database)) as connection, connection:
            for table in ("ab_user_role", "ab_user"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608
        airflow.make_user()

    def is_page(self, target: str) -> bool:
        return target.startswith("/api/v1/dags/~/dagRuns")

    def version(self) -> str:
        return f"Airflow {self._airflow.request('GET', '/api/v1/version')['version']}"

    def login(self) -> dict[str, Any]:
        login = {"type": "basic", "username": AirflowServer.username}
        return {"login": {**login, "password": f"${{{self.PASSWORD}}}"}}


class _Airflow2Api(Airflow2Server):
    """The webserver alone."""

    def wait_until_ready(self) -> None:
        self._wait(lambda: self._read_health() is not None)


class _AirflowApi(AirflowServer):
    """The API server alone: a DAG processor would find no files of the DAGs, and remove them."""

    def _launch(self) -> None:
        self._token = None
        self._begin(
            self._process(
                "Airflow api-server", [self.environment / "bin" / "airflow", "api-server"]
            )
        )

    def wait_until_ready(self) -> None:
        self._wait(lambda: self._read_health() is not None)


class PastPrefect(SeededPast):
    type = "prefect"
    connections = 2

    def __init__(
        self, folder: Path, extent: Extent, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, extent, settings)
        services = (
            "SCHEDULER",
            "LATE_RUNS",
            "FOREMAN",
            "PAUSE_EXPIRATIONS",
            "CANCELLATION_CLEANUP",
        )
        off = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in services}
        self.server = self._prefect = PrefectServer(
            self._folder, settings={**off, **self._settings}
        )

    def seed(self, now: datetime) -> None:
        seed_prefect(self._folder, self._prefect.environment, self.extent, now)

    def is_page(self, target: str) -> bool:
        return target.startswith(("/api/flow_runs/", "/api/task_runs/", "/api/events/"))

    def version(self) -> str:
        return f"Prefect {self._prefect.request('GET', '/api/admin/version')}"


_LOCATION = "jobs"
_LAUNCH = """
    mutation Launch($location: String!, $job: String!) {
      launchRun(
        executionParams: {
          selector: {
            repositoryLocationName: $location, repositoryName: "__repository__", jobName: $job
          }
        }
      ) { ... on LaunchRunSuccess { run { runId } } }
    }
"""
_ENDED = "query Ended($run: ID!) { runOrError(runId: $run) { ... on Run { endTime } } }"


def _job(number: int) -> str:
    return f"pipeline_{number:05}"


def named(server: Server, name: str) -> Process:
    """The process of that name.

    Raises:
        StopIteration: there is none.
    """
    return next(process for process in server.processes if process.name == name)


def _move_back(database: Path, tables: tuple[str, ...]) -> None:
    """Let the runs in a server's SQLite database have happened earlier by `ENDED`."""
    shift = f"-{ENDED.total_seconds():.0f} seconds"
    with closing(sqlite3.connect(database, timeout=_SECONDS)) as connection, connection:
        for table in tables:
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            moved = ", ".join(
                f"{time} = strftime('%Y-%m-%d %H:%M:%f', {time}, '{shift}')"
                for time in sorted(columns & _TIMES)
            )
            past = "end_date IS NOT NULL" if "end_date" in columns else "end_time IS NOT NULL"
            connection.execute(f"UPDATE {table} SET {moved} WHERE {past}")  # noqa: S608
