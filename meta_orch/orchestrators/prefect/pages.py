"""From a page of flow runs to runs and task runs: what else is to be asked for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.orchestrators.ahead import Answer, ReadAhead
from meta_orch.orchestrators.prefect.client import PAGE, PrefectApi
from meta_orch.orchestrators.prefect.links import Links
from meta_orch.orchestrators.prefect.names import Names
from meta_orch.orchestrators.prefect.parse import (
    Row,
    parent_task_run_ids,
    parse_run,
    parse_task_run,
    reading,
)
from meta_orch.orchestrators.prefect.states import ACTIVE_TYPES, read_state
from meta_orch.orchestrators.selection import Selection

TASK_RUNS_ON_A_PAGE = 2_000
"""About as many as are read in a second or two, so that a page fits into every tick."""
_FIRST_RUNS = 50
"""On a page, until it is known how many task runs they have."""
_FIRST_GUESS = 4
"""Task runs of a run, until some were read."""
_FULL = 0.9
"""How full a page of task runs is meant to get: one that is quite full has a second after it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Flow runs, and what is under way for them."""

    rows: tuple[Row, ...]
    """Those of pipelines that are read."""
    pipelines: Mapping[str, PipelineKey]
    """By flow run id."""
    parents: Answer[list[Row]] | None
    task_runs: tuple[Answer[list[Row]], ...]


class PageReader:
    """Asks for what belongs to flow runs (`ask`), and parses it when it came (`parse`).

    `ask` may run on another thread than `parse`.

    Args:
        task_changes_since: of active runs, task runs that ended before it are known; None where
            nothing is.
    """

    def __init__(
        self,
        api: PrefectApi,
        links: Links,
        selection: Selection,
        ahead: ReadAhead,
        open_runs: Iterable[RunKey],
        *,
        task_changes_since: datetime | None,
    ) -> None:
        self._api = api
        self._links = links
        self._selection = selection
        self._ahead = ahead
        self._names = Names(api, open_runs)
        self._task_changes_since = task_changes_since
        self._task_runs_of_a_run: float | None = None
        """Of late."""

    def runs_on_a_page(self, most: int) -> int:
        """How many runs have about `TASK_RUNS_ON_A_PAGE` together."""
        of_a_run = self._task_runs_of_a_run
        fit = _FIRST_RUNS if of_a_run is None else TASK_RUNS_ON_A_PAGE / max(of_a_run, 1)
        return max(1, min(most, int(fit)))

    def ask(self, rows: Sequence[Row]) -> Asked:
        """Make or put under way the requests for all that belongs to these flow runs."""
        self._ahead.ask(self._names.ask_for, rows)()
        with reading(self._api.instance, "a flow run"):
            pipelines = {
                row["id"]: key
                for row in rows
                if (key := self._names.pipeline_of(row)) and key.name in self._selection
            }
        chosen = tuple(row for row in rows if row["id"] in pipelines)
        parent_ids = parent_task_run_ids(chosen)
        parents = self._ahead.ask(self._stand_ins, parent_ids) if parent_ids else None
        return Asked(chosen, pipelines, parents, tuple(self._ask_for_task_runs(chosen)))

    def parse(self, asked: Asked) -> tuple[tuple[Run, ...], tuple[TaskRun, ...]]:
        """Wait for what was asked for."""
        stand_ins = asked.parents() if asked.parents else []
        with reading(self._api.instance, "a task run"):
            parents = {row["id"]: row["flow_run_id"] for row in stand_ins if row.get("flow_run_id")}
        with reading(self._api.instance, "a flow run"):
            runs = {
                row["id"]: parse_run(
                    row,
                    asked.pipelines[row["id"]],
                    self._links,
                    parent=parents.get(row.get("parent_task_run_id") or ""),
                )
                for row in asked.rows
            }
        pools = {row["id"]: row.get("work_pool_name") for row in asked.rows}
        found = [row for answer in asked.task_runs for row in answer()]
        with reading(self._api.instance, "a task run"):
            task_runs = {
                row["id"]: parse_task_run(
                    row,
                    runs[row["flow_run_id"]].key,
                    self._links,
                    pool=pools[row["flow_run_id"]],
                )
                for row in found
            }
        if runs:
            of_a_run, before = len(task_runs) / len(runs), self._task_runs_of_a_run
            self._task_runs_of_a_run = of_a_run if before is None else (before + of_a_run) / 2
        return tuple(runs.values()), tuple(task_runs.values())

    def _stand_ins(self, task_run_ids: list[str]) -> list[Row]:
        """The task runs that stand for subflows in the flow runs which started them."""
        return list(self._api.rows_by_id("/task_runs/filter", "task_runs", task_run_ids))

    def _ask_for_task_runs(self, rows: Sequence[Row]) -> Iterator[Answer[list[Row]]]:
        """Of finished runs all; of active ones those that changed, since the rest is stored."""
        begun = [row for row in rows if row.get("start_time")]
        finished = [row["id"] for row in begun if read_state(row)[0].is_terminal]
        active = [row["id"] for row in begun if not read_state(row)[0].is_terminal]
        if self._task_changes_since is None:
            finished, active = finished + active, []
        for ids in self._on_one_page_each(finished):
            yield self._ahead.ask(self._task_runs, {"task_runs": {"flow_run_id": {"any_": ids}}})
        if active and self._task_changes_since is not None:
            changed = {
                "operator": "or_",
                "state": {"type": {"any_": ["SCHEDULED", *ACTIVE_TYPES]}},
                "end_time": {"after_": self._task_changes_since.isoformat()},
            }
            body = {"flow_runs": {"id": {"any_": active}}, "task_runs": changed}
            yield self._ahead.ask(self._task_runs, body)

    def _on_one_page_each(self, run_ids: Sequence[str]) -> Iterator[Sequence[str]]:
        """Parts of about the same size, whose task runs are likely to fit on a page."""
        before = self._task_runs_of_a_run
        of_a_run = _FIRST_GUESS if before is None else before
        parts = math.ceil(len(run_ids) * of_a_run / (_FULL * PAGE))
        size = math.ceil(len(run_ids) / max(parts, 1))
        for start in range(0, len(run_ids), max(size, 1)):
            yield run_ids[start : start + size]

    def _task_runs(self, body: Row) -> list[Row]:
        # New rows shift the pages the harmless way: a row comes twice.
        return self._api.all_rows("/task_runs/filter", {**body, "sort": "ID_DESC"})
