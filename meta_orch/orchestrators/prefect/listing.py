"""Which runs there are, for comparing, and runs in full by their ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import ListedRun, RunDetails
from meta_orch.domain.runs import RunKey
from meta_orch.domain.time import Window, parse_instant
from meta_orch.orchestrators.prefect.client import PAGE, PrefectApi
from meta_orch.orchestrators.prefect.links import Links
from meta_orch.orchestrators.prefect.parse import (
    Row,
    parent_task_run_ids,
    parse_run,
    parse_task_run,
    reading,
)
from meta_orch.orchestrators.prefect.states import read_state

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RunLister:
    api: PrefectApi
    links: Links

    def count_ended_runs(self, pipelines: Collection[Pipeline], ended: Window) -> int:
        total = 0
        for body in _filters(pipelines, ended):
            count = self.api.post("/flow_runs/count", body)
            with reading(self.api.instance, "a count of flow runs"):
                total += int(count)
        return total

    def list_ended_runs(
        self, pipelines: Collection[Pipeline], ended: Window
    ) -> Iterator[ListedRun]:
        by_id = {pipeline.native_id: pipeline.key for pipeline in pipelines}
        given: set[str] = set()
        for body in _filters(pipelines, ended):
            # By id and not by end time: many may end at once, and the order must be one.
            for rows in self.api.pages("/flow_runs/filter", {**body, "sort": "ID_DESC"}):
                with reading(self.api.instance, "a flow run"):
                    new = [_listed(row, by_id) for row in rows if row["id"] not in given]
                    given.update(row["id"] for row in rows)
                yield from new

    def read_runs(self, runs: Collection[RunKey]) -> RunDetails:
        keys = {run.run_id: run for run in runs}
        rows = list(self.api.rows_by_id("/flow_runs/filter", "flow_runs", sorted(keys)))
        parents = self.api.rows_by_id("/task_runs/filter", "task_runs", parent_task_run_ids(rows))
        task_rows = [
            row
            for start in range(0, len(rows), PAGE)
            for row in self._task_rows(rows[start : start + PAGE])
        ]
        with reading(self.api.instance, "a flow run or task run"):
            parent_of = {row["id"]: row["flow_run_id"] for row in parents}
            pools = {row["id"]: row.get("work_pool_name") for row in rows}
            return RunDetails(
                tuple(
                    parse_run(
                        row,
                        keys[row["id"]].pipeline,
                        self.links,
                        parent=parent_of.get(row.get("parent_task_run_id") or ""),
                    )
                    for row in rows
                ),
                tuple(
                    parse_task_run(
                        row,
                        keys[row["flow_run_id"]],
                        self.links,
                        pool=pools[row["flow_run_id"]],
                    )
                    for row in task_rows
                ),
            )

    def _task_rows(self, runs: list[Row]) -> list[Row]:
        chosen = {"flow_run_id": {"any_": [run["id"] for run in runs]}}
        rows = self.api.all_rows("/task_runs/filter", {"task_runs": chosen, "sort": "ID_DESC"})
        return list({row["id"]: row for row in rows}.values())


def _filters(pipelines: Collection[Pipeline], ended: Window) -> Iterator[dict[str, Any]]:
    """Runs of deployments, and those of flows without one: one filter cannot ask for both."""
    if ended.is_empty:
        return
    # Prefect includes both ends.
    last = ended.end - _INSTANT
    span = {"end_time": {"after_": ended.start.isoformat(), "before_": last.isoformat()}}
    # Prefect takes no `/` in either name.
    deployments = sorted(p.native_id for p in pipelines if "/" in p.key.name)
    flows = sorted(p.native_id for p in pipelines if "/" not in p.key.name)
    if deployments:
        yield {"flow_runs": {**span, "deployment_id": {"any_": deployments}}}
    if flows:
        yield {
            "flow_runs": {**span, "deployment_id": {"is_null_": True}},
            "flows": {"id": {"any_": flows}},
        }


def _listed(row: Row, pipelines: dict[str, PipelineKey]) -> ListedRun:
    ended_at = parse_instant(row["end_time"])
    if ended_at is None:
        raise ValueError("a run that ended has no end time")
    _, native_state = read_state(row)
    pipeline = pipelines[row.get("deployment_id") or row["flow_id"]]
    return ListedRun(RunKey(pipeline, row["id"]), native_state, ended_at)
