"""Real Airflow and Prefect servers on loopback ports, each with its data in a folder of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import urllib.request
from abc import ABC, abstractmethod
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from meta_orch.demo.environments import (
    AIRFLOW,
    PREFECT,
    EnvironmentSpec,
    Progress,
    ensure_environment,
)
from meta_orch.demo.processes import (
    LOOPBACK,
    Process,
    check_port,
    clean_environment,
    free_port,
    stop_all,
    wait_until,
)

_START_SECONDS = 180
_REQUEST_SECONDS = 30
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server(ABC):
    """One orchestrator: an environment, a folder with its data, a port, and its processes.

    Entering it starts it and returns once it answers; leaving it stops it with every process it
    started. `stop` or `kill`, and `start` again, keep the port and the data.
    """

    spec: EnvironmentSpec

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        environment: Path | None = None,
        progress: Progress = lambda text: None,
    ) -> None:
        """
        Args:
            folder: for data and logs; made where it does not exist, gone on with where it does.
            port: a free one where it is None.
            settings: environment variables for the processes, over those chosen here.
            environment: the folder of a virtual environment; `spec` is installed where it is None.

        Raises:
            EnvironmentFailed: the environment cannot be installed.
        """
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environment = environment or ensure_environment(self.spec, progress=progress)
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.logs = self.folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self.started_at = datetime.min.replace(tzinfo=UTC)
        self._settings = dict(settings or {})
        self._progress = progress
        self._processes: tuple[Process, ...] = ()

    @property
    def processes(self) -> tuple[Process, ...]:
        return self._processes

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            PortBusy: somebody else listens on its port.
            ProcessDied: one of its processes ended; the text holds the end of its log.
            NotReady: it did not answer in time.
        """
        check_port(self.port)
        self.started_at = datetime.now(UTC)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every process of it. Safe to repeat."""
        stop_all(reversed(self._processes))

    def kill(self) -> None:
        """End every process of it as a crash of the machine would."""
        for process in self._processes:
            process.kill()

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer to a request to the server's own API, logged in; None where it is empty.

        Raises:
            urllib.error.HTTPError: any other status than 2xx.
            OSError: no answer.
        """
        return _request(method, self.url + path, body, self._login_headers())

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def _login_headers(self) -> Mapping[str, str]: ...

    def _process(self, name: str, command: Sequence[str | Path]) -> Process:
        """A process with the environment's programs first on its path."""
        programs = self.environment / "bin"
        search = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
        return Process(
            name,
            command,
            log=self.logs / f"{name.replace(' ', '-').lower()}.log",
            folder=self.folder,
            environment=clean_environment(PATH=search, **self._variables(), **self._settings),
        )

    @abstractmethod
    def _variables(self) -> Mapping[str, str]:
        """The environment variables that make the server what it is."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class AirflowServer(Server):
    """Airflow 3 on SQLite with the local executor and one administrator.

    Its four components run side by side and not under `airflow standalone`, which would also serve
    task logs on every network interface.
    """

    spec = AIRFLOW
    username = "admin"

    def __init__(self, folder: Path, *, dags: Path, parallelism: int = 4, **options: Any) -> None:
        """
        Args:
            dags: the folder of DAG files; it is read again every few seconds.
            parallelism: how many tasks run at once.
            options: those of `Server`.
        """
        super().__init__(folder, **options)
        self.dags = dags.absolute()
        self.dags.mkdir(parents=True, exist_ok=True)
        self._parallelism = parallelism
        self._secrets = self._read_or_make_secrets()
        self._token: str | None = None

    @property
    def password(self) -> str:
        return self._secrets["password"]

    def wait_for_dags(self, names: Collection[str], *, timeout: float = 120) -> None:
        """Return once the server has read DAGs of all these names.

        Raises:
            NotReady: the text names those that are missing, and the import errors.
            ProcessDied: one of its processes ended.
        """

        def missing() -> set[str]:
            answer = self.request("GET", "/api/v2/dags?limit=100")
            return set(names) - {dag["dag_id"] for dag in answer["dags"]}

        wait_until(
            lambda: not missing(),
            what=f"Airflow to read the DAGs {', '.join(sorted(names))} in {self.dags}",
            timeout=timeout,
            processes=self._processes,
        )

    def _start(self) -> None:
        self._token = None
        self._prepare_database()
        airflow = self.environment / "bin" / "airflow"
        self._processes = tuple(
            self._process(f"Airflow {component}", [airflow, component, *arguments])
            for component, *arguments in (
                ("api-server",),
                ("scheduler", "--skip-serve-logs"),
                ("dag-processor",),
                ("triggerer", "--skip-serve-logs"),
            )
        )
        self._progress("starting Airflow")
        for process in self._processes:
            process.start()
        wait_until(
            self._is_healthy,
            what=f"Airflow to answer at {self.url}",
            timeout=_START_SECONDS,
            processes=self._processes,
        )

    def _is_healthy(self) -> bool:
        """Whether every component has reported since this start, not only before it."""
        try:
            health = _request("GET", f"{self.url}/api/v2/monitor/health", None, {})
        except OSError:
            return False
        beats = [
            health[component].get(f"latest_{component}_heartbeat")
            for component in ("scheduler", "triggerer", "dag_processor")
        ]
        return all(beat and datetime.fromisoformat(beat) > self.started_at for beat in beats)

    def _prepare_database(self) -> None:
        """Make the tables, once per environment: later servers start from a copy of the empty
        database."""
        database = self.folder / "airflow.db"
        if database.exists():
            return
        empty = self.environment / "empty-airflow.db"
        if not empty.exists():
            self._progress("making Airflow's database")
            airflow = self.environment / "bin" / "airflow"
            migration = self._process("Airflow db migrate", [airflow, "db", "migrate"])
            with migration:
                wait_until(
                    lambda: migration.exit_status is not None,
                    what="Airflow to make its database",
                    timeout=_START_SECONDS,
                )
            if migration.exit_status:
                migration.check()
            partial = empty.with_suffix(f".{os.getpid()}")
            shutil.copyfile(database, partial)
            partial.replace(empty)
        else:
            shutil.copyfile(empty, database)

    def _login_headers(self) -> Mapping[str, str]:
        if self._token is None:
            body = {"username": self.username, "password": self.password}
            self._token = _request("POST", f"{self.url}/auth/token", body, {})["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    def _read_or_make_secrets(self) -> Mapping[str, str]:
        """A restarted server keeps its password and its keys, or old sessions and tasks break."""
        file = self.folder / "secrets.json"
        if not file.exists():
            made = {
                "password": secrets.token_urlsafe(16),
                "fernet": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "session": secrets.token_urlsafe(32),
                "jwt": secrets.token_urlsafe(64),
            }
            _write_privately(file, json.dumps(made))
        kept = json.loads(file.read_text())
        _write_privately(self._passwords_file, json.dumps({self.username: kept["password"]}))
        return kept

    @property
    def _passwords_file(self) -> Path:
        return self.folder / "passwords.json"

    def _variables(self) -> Mapping[str, str]:
        return {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__EXPOSE_CONFIG": "True",
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__SECRET_KEY": self._secrets["session"],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secrets["jwt"],
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": self._secrets["fernet"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": str(self._parallelism),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords_file),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{self.username}:admin",
            "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.folder / "bundles"),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "5",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.folder / 'airflow.db'}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "task-logs"),
            "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }


class PrefectServer(Server):
    """Prefect 3 on SQLite; `serve` runs a file of flows beside it."""

    spec = PREFECT

    def __init__(
        self,
        folder: Path,
        *,
        flows: Path | None = None,
        login: str | None = None,
        **options: Any,
    ) -> None:
        """
        Args:
            flows: a Python program that deploys flows and serves them until it is stopped
                (`prefect.serve`).
            login: `user:password`, asked of everybody by HTTP basic authentication; None asks for
                nothing.
            options: those of `Server`.
        """
        super().__init__(folder, **options)
        self.login = login
        self._flows = flows.absolute() if flows else None

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    def wait_for_deployments(self, names: Collection[str], *, timeout: float = 120) -> None:
        """Return once deployments of all these names (`flow/deployment`) exist.

        Raises:
            NotReady: they did not come about in time.
            ProcessDied: the server, or the program of flows, ended.
        """

        def missing() -> set[str]:
            flows = {flow["id"]: flow["name"] for flow in self._filter("flows")}
            found = {
                f"{flows[item['flow_id']]}/{item['name']}" for item in self._filter("deployments")
            }
            return set(names) - found

        wait_until(
            lambda: not missing(),
            what=f"the Prefect deployments {', '.join(sorted(names))}",
            timeout=timeout,
            processes=self._processes,
        )

    def _filter(self, kind: str) -> list[dict[str, Any]]:
        return self.request("POST", f"/api/{kind}/filter", {})

    def _start(self) -> None:
        prefect = self.environment / "bin" / "prefect"
        arguments = ["server", "start", "--host", LOOPBACK, "--port", str(self.port)]
        server = self._process("Prefect server", [prefect, *arguments])
        self._processes = (server,)
        self._progress("starting Prefect")
        server.start()
        wait_until(
            self._is_healthy,
            what=f"Prefect to answer at {self.url}",
            timeout=_START_SECONDS,
            processes=self._processes,
        )
        if self._flows is not None:
            python = self.environment / "bin" / "python"
            serving = self._process("Prefect flows", [python, self._flows])
            self._processes = (server, serving)
            serving.start()

    def _is_healthy(self) -> bool:
        try:
            return self.request("GET", "/api/health") is True
        except OSError:
            return False

    def _login_headers(self) -> Mapping[str, str]:
        if self.login is None:
            return {}
        return {"Authorization": f"Basic {b64encode(self.login.encode()).decode()}"}

    def _variables(self) -> Mapping[str, str]:
        login = self.login and {
            "PREFECT_API_AUTH_STRING": self.login,
            "PREFECT_SERVER_API_AUTH_STRING": self.login,
        }
        return {
            **(login or {}),
            "DO_NOT_TRACK": "1",
            "PREFECT_API_URL": self.api_url,
            "PREFECT_CLI_PROMPT": "false",
            "PREFECT_HOME": str(self.folder),
            "PREFECT_LOGGING_COLORS": "false",
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        }


def _request(method: str, url: str, body: Any, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(  # noqa: S310 a loopback address made here
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    with _NO_PROXY.open(request, timeout=_REQUEST_SECONDS) as answer:
        text = answer.read()
        return json.loads(text) if text and answer.status != HTTPStatus.NO_CONTENT else None


def _write_privately(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)
