"""Which runs there are, for comparing, and runs in full by their ids.

Runs are listed by when they ended: that is the one time which the server filters on, the store
holds, and a backfill of old dates does not put into the past. The list of runs by POST takes the
DAGs that are asked for, as many as one likes; unlike that of task instances it leaves no trace in
Airflow's audit log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.readings import ListedRun, RunDetails
from meta_orch.domain.runs import RunKey
from meta_orch.domain.time import Window
from meta_orch.orchestrators.airflow.api import AirflowApi
from meta_orch.orchestrators.airflow.paging import read_offset_pages
from meta_orch.orchestrators.airflow.parse import Place, read_run, read_task_run
from meta_orch.orchestrators.airflow.transport import Transport
from meta_orch.orchestrators.answers import Fields
from meta_orch.orchestrators.base import NotFound, UnexpectedAnswer

_INSTANT = timedelta(microseconds=1)
_PAGE = 500
"""Rows that are asked for at once."""


@dataclass(frozen=True, slots=True)
class RunLister:
    transport: Transport
    api: AirflowApi
    place: Place

    def count_ended_runs(self, pipelines: Collection[Pipeline], ended: Window) -> int:
        if not pipelines or ended.is_empty:
            return 0
        _, total = self._page(_body(pipelines, ended), offset=0, limit=1)
        return total

    def list_ended_runs(
        self, pipelines: Collection[Pipeline], ended: Window
    ) -> Iterator[ListedRun]:
        if not pipelines or ended.is_empty:
            return
        body = _body(pipelines, ended)
        for row in read_offset_pages(
            lambda offset: self._page(body, offset=offset, limit=_PAGE),
            lambda row: f"{row.text('dag_id')}/{row.text('dag_run_id')}",
        ):
            ended_at = row.get_instant("end_date")
            if ended_at is not None:
                pipeline = self.place.pipeline(row.text("dag_id"))
                key = RunKey(pipeline, row.text("dag_run_id"))
                yield ListedRun(key, row.text("state"), ended_at)

    def read_runs(self, runs: Collection[RunKey]) -> RunDetails:
        found: dict[tuple[str, str], Fields] = {}
        for run in sorted(runs):
            dag_id = run.pipeline.name
            try:
                found[dag_id, run.run_id] = self.api.run(dag_id, run.run_id)
            except NotFound:
                continue
        task_instances = self.api.task_instances(found) if found else ()
        return RunDetails(
            tuple(read_run(self.place, row) for row in found.values()),
            tuple(
                read_task_run(self.place, row)
                for row in task_instances
                # Runs of several DAGs share an id, so more is given than was asked for.
                if (row.text("dag_id"), row.text("dag_run_id")) in found
            ),
        )

    def _page(
        self, body: dict[str, Any], *, offset: int, limit: int
    ) -> tuple[Sequence[Fields], int]:
        answer = self.transport.post(
            f"{self.api.root}/dags/~/dagRuns/list",
            {**body, "page_offset": offset, "page_limit": limit},
        ).fields()
        total = answer.get_integer("total_entries")
        if total is None:
            raise UnexpectedAnswer(self.transport.instance, f"{answer.what} has no total_entries")
        return answer.rows("dag_runs", "a DAG run"), total


def _body(pipelines: Collection[Pipeline], ended: Window) -> dict[str, Any]:
    # Before 3.1 both ends of a range are in it.
    last = ended.end - _INSTANT
    return {
        "dag_ids": sorted(pipeline.native_id for pipeline in pipelines),
        "end_date_gte": ended.start.astimezone(UTC).isoformat(),
        "end_date_lte": last.astimezone(UTC).isoformat(),
        "order_by": "id",
    }
