"""Whether the Dagster UI shows what the servers hold. Both sides are asked, neither is assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meta_orch.demo.servers import AirflowServer, DagsterServer, PrefectServer

AssetPath = tuple[str, ...]
"""The parts of an asset's key."""

_ASSETS = "{ assetNodes { assetKey { path } dependencyKeys { path } } }"
_LATEST = """
query latest($keys: [AssetKeyInput!]!) {
  assetsLatestInfo(assetKeys: $keys) {
    assetKey { path } latestMaterialization { timestamp } latestRun { status }
  }
}
"""
_AIRFLOW_ENDS = {"success": True, "failed": False}
_PREFECT_ENDS = {"COMPLETED": True, "FAILED": False, "CRASHED": False}


@dataclass(frozen=True, slots=True)
class Shown:
    """An asset as the Dagster UI has it."""

    upstream: frozenset[AssetPath] = frozenset()
    materialized_at: float | None = None
    """Seconds since the epoch."""
    last_run: str | None = None
    """The status of the newest Dagster run of it."""


def read_shown(dagster: DagsterServer) -> Mapping[AssetPath, Shown]:
    """Every asset of every code location, as lineage draws it."""
    nodes = dagster.graphql(_ASSETS)["assetNodes"]
    keys = [{"path": node["assetKey"]["path"]} for node in nodes]
    latest = {
        tuple(info["assetKey"]["path"]): info
        for info in dagster.graphql(_LATEST, keys=keys)["assetsLatestInfo"]
    }
    shown = {}
    for node in nodes:
        path = tuple(node["assetKey"]["path"])
        info = latest.get(path, {})
        materialization, run = info.get("latestMaterialization"), info.get("latestRun")
        shown[path] = Shown(
            upstream=frozenset(tuple(key["path"]) for key in node["dependencyKeys"]),
            # GraphQL gives milliseconds, as text.
            materialized_at=float(materialization["timestamp"]) / 1000 if materialization else None,
            last_run=run["status"] if run else None,
        )
    return shown


def read_airflow(server: AirflowServer, instance: str) -> Mapping[AssetPath, bool | None]:
    """Whether the last finished run of each DAG succeeded; None where none has finished."""
    dags = server.request("GET", "/api/v2/dags?limit=100")["dags"]
    runs = server.request("GET", "/api/v2/dags/~/dagRuns?limit=100&order_by=-run_after")["dag_runs"]
    ended = (
        ((instance, run["dag_id"]), run["end_date"], _AIRFLOW_ENDS[run["state"]])
        for run in runs
        if run["state"] in _AIRFLOW_ENDS
    )
    return {(instance, dag["dag_id"]): None for dag in dags} | _last(ended)


def read_prefect(server: PrefectServer, instance: str) -> Mapping[AssetPath, bool | None]:
    """The same of each deployment, and of each flow that runs without one: a subflow."""

    def read(kind: str, **body: Any) -> list[dict[str, Any]]:
        return server.request("POST", f"/api/{kind}/filter", body)

    flows = {flow["id"]: flow["name"] for flow in read("flows")}
    deployments = {
        deployment["id"]: (instance, flows[deployment["flow_id"]], deployment["name"])
        for deployment in read("deployments")
    }
    ended = (
        (
            deployments.get(run["deployment_id"], (instance, flows[run["flow_id"]])),
            run["end_time"],
            _PREFECT_ENDS[run["state_type"]],
        )
        for run in read("flow_runs", sort="END_TIME_DESC")
        if run["state_type"] in _PREFECT_ENDS
    )
    return dict.fromkeys(deployments.values(), None) | _last(ended)


def what_is_missing(
    ran: Mapping[AssetPath, bool | None],
    shown: Mapping[AssetPath, Shown],
    edges: Iterable[tuple[AssetPath, AssetPath]],
    started: Iterable[AssetPath] = (),
) -> list[str]:
    """What the servers hold and the UI does not show yet, each in a few words; sorted.

    Args:
        ran: pipelines, and whether the last finished run of each succeeded.
        shown: assets.
        edges: upstream and downstream of edges that there have to be.
        started: pipelines of which a run was started, so that one has to finish.
    """
    missing = [f"a finished run of {'/'.join(path)}" for path in started if ran.get(path) is None]
    for path, succeeded in ran.items():
        name, asset = "/".join(path), shown.get(path)
        if asset is None:
            missing.append(f"{name} as an asset")
        elif succeeded is True and (asset.materialized_at is None or asset.last_run != "SUCCESS"):
            missing.append(f"{name} as succeeded")
        elif succeeded is False and asset.last_run != "FAILURE":
            missing.append(f"{name} as failed")
    for upstream, downstream in edges:
        if upstream not in shown.get(downstream, Shown()).upstream:
            missing.append(f"the edge from {'/'.join(upstream)} to {'/'.join(downstream)}")
    return sorted(missing)


def _last(ended: Iterable[tuple[AssetPath, str, bool]]) -> dict[AssetPath, bool | None]:
    """The outcome of the run of each that ended last."""
    in_order = sorted(ended, key=lambda run: datetime.fromisoformat(run[1]))
    return {path: succeeded for path, _, succeeded in in_order}
