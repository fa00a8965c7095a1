"""A real Airflow 2."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from meta_orch.demo.environments import AIRFLOW_2
from meta_orch.demo.errors import RequestFailed
from meta_orch.demo.processes import LOOPBACK
from meta_orch.demo.servers.airflow import AirflowServer
from meta_orch.demo.servers.base import request_json


class Airflow2Server(AirflowServer):
    """Airflow 2 on SQLite with one administrator, for tests and benchmarks.

    It runs with the local executor, which it does not allow on SQLite unless told not to look: the
    sequential one would take seconds for each task.
    """

    root: ClassVar = "/api/v1"
    spec: ClassVar = AIRFLOW_2

    def _launch(self) -> None:
        self._prepare_database()
        airflow = self.environment / "bin" / "airflow"
        self._begin(self._process("Airflow webserver", [airflow, "webserver"]))

    def wait_until_ready(self) -> None:
        self._wait(lambda: self._read_health() is not None)
        self._begin(
            self._component("scheduler", "--skip-serve-logs"),
            self._component("triggerer", "--skip-serve-logs"),
        )
        self._wait(self._is_healthy)

    def _is_healthy(self) -> bool:
        health = self._read_health() or {}
        beats = [
            health.get(component, {}).get(f"latest_{component}_heartbeat")
            for component in ("scheduler", "triggerer")
        ]
        return all(beat and datetime.fromisoformat(beat) > self.started_at for beat in beats)

    def _read_health(self) -> Any:
        try:
            return request_json("GET", f"{self.url}/health", None, {})
        except RequestFailed:
            return None

    def _prepare_database(self) -> None:
        is_new = not self.database.exists()
        super()._prepare_database()
        if is_new:
            self.make_user()

    def make_user(self) -> None:
        """The administrator, in a database that has none."""
        user = {
            "username": self.username,
            "password": self.password,
            "firstname": "Ad",
            "lastname": "Min",
            "email": "admin@example.com",
            "role": "Admin",
        }
        # Joined, as a password may begin with a dash.
        options = [f"--{name}={value}" for name, value in user.items()]
        airflow = self.environment / "bin" / "airflow"
        what = "Airflow to make its user"
        self.run("Airflow users create", [airflow, "users", "create", *options], what=what)

    def _wish(self, run: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"dag_run_id": run, "conf": parameters}

    def _login_headers(self) -> Mapping[str, str]:
        login = b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {login}"}

    def _variables(self) -> Mapping[str, str]:
        return {
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": self._secrets["fernet"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": str(self._parallelism),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "task-logs"),
            "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
            "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "1",
            "AIRFLOW__SCHEDULER__DAG_STALE_NOT_SEEN_DURATION": "5",
            "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "30",  # what changed is read at once
            "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__WEBSERVER__BASE_URL": self.url,
            "AIRFLOW__WEBSERVER__SECRET_KEY": self._secrets["session"],
            "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": LOOPBACK,
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(self.port),
            "AIRFLOW__WEBSERVER__WORKERS": "1",
        }
