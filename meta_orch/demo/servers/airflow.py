"""A real Airflow 3."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from meta_orch.demo.environments import AIRFLOW, ensure_environment
from meta_orch.demo.errors import RequestFailed
from meta_orch.demo.processes import LOOPBACK, Process, wait_until
from meta_orch.demo.servers.base import START_SECONDS, Server, request_json, write_privately

_DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


class AirflowServer(Server):
    """Airflow 3 on SQLite with the local executor and one administrator.

    Its four components run side by side and not under `airflow standalone`, which would also serve
    task logs on every network interface.
    """

    username = "admin"
    root: ClassVar = "/api/v2"
    """Of its API."""
    spec: ClassVar = AIRFLOW

    def __init__(
        self,
        folder: Path,
        *,
        dags: Path,
        parallelism: int = 4,
        environment: Path | None = None,
        **options: Any,
    ) -> None:
        """
        Args:
            dags: the folder of DAG files; it is read again every few seconds.
            parallelism: how many tasks run at once.
            environment: with Airflow in it; one is installed where it is None.
            options: those of `Server`.

        Raises:
            EnvironmentFailed: the environment cannot be installed.
        """
        super().__init__(
            folder, environment=environment or ensure_environment(self.spec), **options
        )
        self.dags = dags.absolute()
        self.dags.mkdir(parents=True, exist_ok=True)
        self._parallelism = parallelism
        self._secrets = self._read_or_make_secrets()
        self._token: str | None = None

    @property
    def password(self) -> str:
        return self._secrets["password"]

    @property
    def database(self) -> Path:
        return self.folder / "airflow.db"

    def wait_for_dags(self, names: Collection[str], *, timeout: float = 120) -> None:
        """Return once the server has read DAGs of all these names.

        Raises:
            NotReady: the text names those that are missing, and the import errors.
            ProcessDied: one of its processes ended.
        """

        def missing() -> set[str]:
            answer = self.request("GET", f"{self.root}/dags?limit=100")
            return set(names) - {dag["dag_id"] for dag in answer["dags"]}

        def why_not() -> str:
            errors = self.request("GET", f"{self.root}/importErrors")["import_errors"]
            traces = "".join(f"\n{error['filename']}: {error['stack_trace']}" for error in errors)
            return f"{', '.join(sorted(missing()))} did not appear{traces}"

        wait_until(
            lambda: not missing(),
            what=f"Airflow to read the DAGs in {self.dags}",
            timeout=timeout,
            processes=self._processes,
            why_not=why_not,
        )

    def start_run(self, dag: str, **parameters: Any) -> str:
        """Trigger a DAG; the id of its run."""
        run = f"manual__{uuid4()}"
        body = self._wish(run, parameters)
        path = f"{self.root}/dags/{dag}/dagRuns"
        try:
            self.request("POST", path, body, busy=HTTPStatus.INTERNAL_SERVER_ERROR)
        except RequestFailed as error:
            if error.status != HTTPStatus.CONFLICT:  # or an earlier try did it after all
                raise
        return run

    def run_state(self, dag: str, run: str) -> str:
        """The state of a run, in Airflow's word."""
        return self.request("GET", f"{self.root}/dags/{dag}/dagRuns/{run}")["state"]

    def _wish(self, run: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """What asks for a run."""
        return {"dag_run_id": run, "logical_date": None, "conf": parameters}

    def _launch(self) -> None:
        self._token = None
        self._prepare_database()
        airflow = self.environment / "bin" / "airflow"
        self._begin(
            self._process("Airflow api-server", [airflow, "api-server"]),
            self._component("dag-processor"),
            self._component("triggerer", "--skip-serve-logs"),
        )

    def wait_until_ready(self) -> None:
        self._wait(lambda: self._read_health() is not None)
        # Last, as the tasks that it starts fail at once where the API does not answer them.
        self._begin(self._component("scheduler", "--skip-serve-logs"))
        self._wait(self._is_healthy)

    def _component(self, name: str, *arguments: str) -> Process:
        """A component that dies of a database that is locked for the usual five seconds, as it is
        on a busy machine: it waits for a minute. The API server answers such a request with an
        error instead, and has to give up soon: the lock may be held by another request of its own,
        which goes on only then."""
        command = [self.environment / "bin" / "airflow", name, *arguments]
        patient = {_DATABASE: f"{self._variables()[_DATABASE]}?timeout=60"}
        return self._process(f"Airflow {name}", command, **patient)

    def _wait(self, is_so: Callable[[], bool]) -> None:
        wait_until(
            is_so,
            what=f"Airflow to answer at {self.url}",
            timeout=START_SECONDS,
            processes=self._processes,
        )

    def _is_healthy(self) -> bool:
        """Whether every component has reported since this start, not only before it."""
        health = self._read_health() or {}
        beats = [
            health.get(component, {}).get(f"latest_{component}_heartbeat")
            for component in ("scheduler", "triggerer", "dag_processor")
        ]
        return all(beat and datetime.fromisoformat(beat) > self.started_at for beat in beats)

    def _read_health(self) -> Any:
        """None where there is no answer yet."""
        try:
            return request_json("GET", f"{self.url}/api/v2/monitor/health", None, {})
        except RequestFailed:
            return None

    def _prepare_database(self) -> None:
        """Make the tables, once per environment: later servers start from a copy of the empty
        database."""
        database = self.database
        if database.exists():
            return
        empty = self.environment / "empty-airflow.db"
        if not empty.exists():
            airflow = self.environment / "bin" / "airflow"
            what = "Airflow to make its database"
            self.run("Airflow db migrate", [airflow, "db", "migrate"], what=what)
            partial = empty.with_suffix(f".{os.getpid()}")
            shutil.copyfile(database, partial)
            partial.replace(empty)
        else:
            shutil.copyfile(empty, database)

    def _login_headers(self) -> Mapping[str, str]:
        if self._token is None:
            body = {"username": self.username, "password": self.password}
            self._token = request_json("POST", f"{self.url}/auth/token", body, {})["access_token"]
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
            write_privately(file, json.dumps(made))
        kept = json.loads(file.read_text())
        write_privately(self._passwords_file, json.dumps({self.username: kept["password"]}))
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
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "5",
            _DATABASE: f"sqlite:///{self.database}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "task-logs"),
            "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
