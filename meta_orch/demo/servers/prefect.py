"""A real Prefect 3."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

from meta_orch.demo.environments import PREFECT, ensure_environment
from meta_orch.demo.errors import RequestFailed
from meta_orch.demo.processes import LOOPBACK, wait_until
from meta_orch.demo.servers.base import START_SECONDS, Server


class PrefectServer(Server):
    """Prefect 3 on SQLite; `serve` runs a file of flows beside it."""

    username = "admin"

    def __init__(
        self,
        folder: Path,
        *,
        flows: Path | None = None,
        password: str | None = None,
        environment: Path | None = None,
        **options: Any,
    ) -> None:
        """
        Args:
            flows: a Python program that deploys flows and serves them until it is stopped
                (`prefect.serve`).
            password: of the user `admin`, asked of everybody by HTTP basic authentication; None
                asks for nothing.
            environment: with Prefect in it; one is installed where it is None.
            options: those of `Server`.

        Raises:
            EnvironmentFailed: the environment cannot be installed.
        """
        super().__init__(folder, environment=environment or ensure_environment(PREFECT), **options)
        self.password = password
        self._flows = flows.absolute() if flows else None

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        busy: HTTPStatus | None = HTTPStatus.SERVICE_UNAVAILABLE,
    ) -> Any:
        """As every server's, and again while its database is locked, as Prefect's own client does:
        nothing was written then."""
        return super().request(method, path, body, busy=busy)

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

    def start_run(self, deployment: str, **parameters: Any) -> str:
        """Start a run of a deployment (`flow/deployment`); the id of its flow run."""
        found = self.request("GET", f"/api/deployments/name/{deployment}")
        path = f"/api/deployments/{found['id']}/create_flow_run"
        body = {"parameters": parameters, "idempotency_key": str(uuid4())}
        return self.request("POST", path, body)["id"]

    def run_state(self, run: str) -> str:
        """The type of a flow run's state, in Prefect's word."""
        return self.request("GET", f"/api/flow_runs/{run}")["state_type"]

    def _launch(self) -> None:
        prefect = self.environment / "bin" / "prefect"
        arguments = ["server", "start", "--host", LOOPBACK, "--port", str(self.port)]
        self._begin(self._process("Prefect server", [prefect, *arguments]))

    def wait_until_ready(self) -> None:
        """Return once the server answers and the program of flows is started."""
        wait_until(
            self._is_healthy,
            what=f"Prefect to answer at {self.url}",
            timeout=START_SECONDS,
            processes=self._processes,
        )
        if self._flows is not None:
            python = self.environment / "bin" / "python"
            self._begin(self._process("Prefect flows", [python, self._flows]))

    def _is_healthy(self) -> bool:
        try:
            return self.request("GET", "/api/health") is True
        except RequestFailed:
            return False

    def _login_headers(self) -> Mapping[str, str]:
        if self.password is None:
            return {}
        return {"Authorization": f"Basic {b64encode(self._login.encode()).decode()}"}

    @property
    def _login(self) -> str:
        return f"{self.username}:{self.password}"

    def _variables(self) -> Mapping[str, str]:
        login = {
            "PREFECT_API_AUTH_STRING": self._login,
            "PREFECT_SERVER_API_AUTH_STRING": self._login,
        }
        return {
            **(login if self.password else {}),
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
