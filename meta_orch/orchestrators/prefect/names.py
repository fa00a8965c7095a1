"""Which pipeline a flow run belongs to."""

from __future__ import annotations

from collections.abc import Iterable

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import RunKey
from meta_orch.orchestrators.prefect.client import PrefectApi
from meta_orch.orchestrators.prefect.parse import Row, reading


class Names:
    """Pipelines by the ids that a flow run carries; what is not known yet is asked in batches."""

    def __init__(self, api: PrefectApi, open_runs: Iterable[RunKey] = ()) -> None:
        self._api = api
        self._of_run = {run.run_id: run.pipeline for run in open_runs}
        self._deployments: dict[str, str] = {}
        self._flows: dict[str, str] = {}

    def learn(self, *, flows: Iterable[Row] = (), deployments: Iterable[Row] = ()) -> None:
        """Take names from rows that were read for another reason."""
        with reading(self._api.instance, "a flow or deployment"):
            self._flows.update((row["id"], row["name"]) for row in flows)
            self._deployments.update((row["id"], row["name"]) for row in deployments)

    def ask_for(self, runs: Iterable[Row]) -> None:
        """Learn the names that `runs` need: two requests for a page of runs at most, and none for
        runs that are stored as open."""
        unknown = [run for run in runs if run.get("id") not in self._of_run]
        flows = {run["flow_id"] for run in unknown if run.get("flow_id")} - set(self._flows)
        deployments = {run["deployment_id"] for run in unknown if run.get("deployment_id")}
        deployments -= set(self._deployments)
        self.learn(
            flows=self._api.rows_by_id("/flows/filter", "flows", sorted(flows)),
            deployments=self._api.rows_by_id(
                "/deployments/filter", "deployments", sorted(deployments)
            ),
        )

    def pipeline_of(self, run: Row) -> PipelineKey | None:
        """None for a run whose deployment or flow was deleted; Prefect keeps such runs, and their
        pipeline is no more."""
        if (known := self._of_run.get(run["id"])) is not None:
            return known
        flow = self._flows.get(run.get("flow_id") or "")
        if flow is None:
            return None
        if not run.get("deployment_id"):
            return PipelineKey(self._api.instance, flow)
        deployment = self._deployments.get(run["deployment_id"])
        return PipelineKey(self._api.instance, f"{flow}/{deployment}") if deployment else None
