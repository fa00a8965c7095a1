"""A Dagster webserver and daemon, with a code server for each location."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from meta_orch.demo.errors import RequestFailed
from meta_orch.demo.processes import LOOPBACK, free_port, wait_until
from meta_orch.demo.servers.base import START_SECONDS, Server

SCRIPTS = Path(sysconfig.get_path("scripts"))
_SETTINGS = Path(__file__).parent.parent / "dagster.yaml"

_LOCATIONS = """
{ workspaceOrError { __typename
    ... on PythonError { message }
    ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
      __typename ... on PythonError { message } } } } } }
"""


class DagsterServer(Server):
    """This project's own Dagster, as separate processes over one workspace.

    Locations are served by `dagster code-server`, and not by the webserver's own subprocesses: only
    so is a location whose catalogue changed loaded anew.
    """

    def __init__(
        self,
        folder: Path,
        *,
        locations: Mapping[str, str],
        postgres_url: str | None = None,
        **options: Any,
    ) -> None:
        """
        Args:
            locations: a module with definitions for each code location's name.
            postgres_url: where runs and events are kept; in SQLite files where it is None.
            options: those of `Server`.
        """
        super().__init__(folder, environment=Path(sys.prefix), **options)
        self._postgres_url = postgres_url
        self._locations = {name: (module, free_port()) for name, module in locations.items()}

    def graphql(self, query: str, **variables: Any) -> Any:
        """The `data` of the webserver's answer.

        Raises:
            RequestFailed: no answer, or the query is refused.
        """
        answer = self.request("POST", "/graphql", {"query": query, "variables": variables})
        if answer.get("errors"):
            raise RequestFailed(f"Dagster refused a query: {answer['errors'][0]['message']}")
        return answer["data"]

    def _launch(self) -> None:
        self.home.mkdir(exist_ok=True)
        shutil.copyfile(_SETTINGS, self.home / "dagster.yaml")
        if self._postgres_url is not None:
            storage = {"storage": {"postgres": {"postgres_url": self._postgres_url}}}
            with (self.home / "dagster.yaml").open("a") as settings:
                yaml.safe_dump(storage, settings)
        workspace_file = self.folder / "workspace.yaml"
        workspace_file.write_text(self._workspace())
        # Or several processes would make the tables at once, of which all but one fail.
        what = "Dagster to make its databases"
        self.run("Dagster instance", [SCRIPTS / "dagster", "instance", "info"], what=what)
        code_server = [SCRIPTS / "dagster", "code-server", "start", "--host", LOOPBACK]
        workspace = ["--workspace", workspace_file]
        address = ["--host", LOOPBACK, "--port", str(self.port)]
        self._begin(
            *(
                self._process(
                    f"Dagster location {name}",
                    [*code_server, "--port", str(port), "--module-name", module],
                )
                for name, (module, port) in self._locations.items()
            ),
            self._process(
                "Dagster webserver", [SCRIPTS / "dagster-webserver", *workspace, *address]
            ),
            self._process("Dagster daemon", [SCRIPTS / "dagster-daemon", "run", *workspace]),
        )

    def wait_until_ready(self) -> None:
        wait_until(
            lambda: not self._why_not_loaded(),
            what=f"Dagster to load its code locations at {self.url}",
            timeout=START_SECONDS,
            processes=self.processes,
            why_not=self._why_not_loaded,
        )

    def _why_not_loaded(self) -> str:
        """Empty once every location is there. A webserver that starts before its code servers
        shows an error for them until it has found them."""
        try:
            workspace = self.graphql(_LOCATIONS)["workspaceOrError"]
        except RequestFailed as error:
            return str(error)
        if workspace["__typename"] == "PythonError":
            return workspace["message"]
        reasons = []
        for entry in workspace["locationEntries"]:
            found = entry["locationOrLoadError"] or {"__typename": None}
            if found["__typename"] != "RepositoryLocation":
                reasons.append(f"{entry['name']}: {found.get('message', entry['loadStatus'])}")
        return "\n".join(reasons)

    def _workspace(self) -> str:
        entries = [
            {"grpc_server": {"host": LOOPBACK, "port": port, "location_name": name}}
            for name, (_, port) in self._locations.items()
        ]
        return yaml.safe_dump({"load_from": entries}, sort_keys=False)

    def _login_headers(self) -> Mapping[str, str]:
        return {}

    def _variables(self) -> Mapping[str, str]:
        return {"DAGSTER_HOME": str(self.home)}

    @property
    def home(self) -> Path:
        """Its `DAGSTER_HOME`."""
        return self.folder / "home"
