"""Pages of Prefect's UI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

_CLOUD_API = "https://api.prefect.cloud/api"
_CLOUD_UI = "https://app.prefect.cloud"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses of native pages. `base` has no slash at its end."""

    base: str

    @classmethod
    def of_api(cls, url: str) -> Self:
        """From the address of the API, the way Prefect derives its own `PREFECT_UI_URL`."""
        if url.startswith(_CLOUD_API):
            path = url.removeprefix(_CLOUD_API)
            path = path.replace("/accounts/", "/account/").replace("/workspaces/", "/workspace/")
            return cls(_CLOUD_UI + path)
        return cls(url.removesuffix("/api"))

    def deployment(self, deployment_id: str) -> str:
        return f"{self.base}/deployments/deployment/{deployment_id}"

    def flow(self, flow_id: str) -> str:
        return f"{self.base}/flows/flow/{flow_id}"

    def flow_run(self, flow_run_id: str) -> str:
        return f"{self.base}/runs/flow-run/{flow_run_id}"

    def task_run(self, task_run_id: str) -> str:
        return f"{self.base}/runs/task-run/{task_run_id}"


def api_url(url: str) -> str:
    """The address of the API from what people write: with `/api`, or the server's own address."""
    url = url.rstrip("/")
    return url if url.endswith("/api") or "/api/" in url else f"{url}/api"
