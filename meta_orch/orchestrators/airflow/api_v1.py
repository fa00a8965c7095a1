"""The endpoints of Airflow 2 (`/api/v1`), which give what those of Airflow 3 give.

Rows come in the words of Airflow 3, so that nothing else has to know two kinds. Airflow 2 has no
versions of definitions, no graph of triggers, and no order in its lists of task instances. Those
are read a page that holds all: of some runs by asking for as many rows as there are, of all runs
within a span of time that is made short enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from meta_orch.orchestrators.airflow.api import (
    AirflowApi,
    RunsPage,
    RunsPlace,
    TaskInstancesPage,
    TaskInstancesPlace,
    write_instant,
)
from meta_orch.orchestrators.airflow.pages import Airflow2Pages, Pages
from meta_orch.orchestrators.airflow.paging import OffsetPlace
from meta_orch.orchestrators.airflow.transport import Query
from meta_orch.orchestrators.answers import Fields
from meta_orch.orchestrators.base import NotFound, UnexpectedAnswer

_TASK_INSTANCES_AT_ONCE = 5_000
"""Of so many or fewer, one request gives all."""
_ROOM = 1.2
"""For task instances that are made between two requests."""
_PART_OF_A_PAGE = 0.7
"""What a span of time is chosen to fill: changes do not come evenly."""
_INSTANT = timedelta(microseconds=1)
_TICK = timedelta(seconds=1)
"""Of the server's clock, as it is told."""


class Airflow2Api(AirflowApi):
    """Airflow 2.7 and later."""

    root: ClassVar = "/api/v1"
    pages: ClassVar[Pages] = Airflow2Pages()
    has_versions: ClassVar = False
    next_run: ClassVar = ("next_dagrun", "next_dagrun_create_after")

    # The catalogue.

    def dags(self) -> Iterator[Fields]:
        return map(_as_dag, super().dags())

    def dag_details(self, listed: Fields) -> Fields:
        # The details have no owners, and before 2.9 no next run.
        details = super().dag_details(listed)
        return _as_dag(Fields({**details.values, **listed.values}, details.what))

    def health(self) -> Fields:
        return self._get("/health")

    def import_errors(self) -> Iterator[Fields]:
        return self._offset_pages(
            "/importErrors", "import_errors", "an import error", order_by="import_error_id"
        )

    def dag_source(self, dag_id: str) -> str | None:
        try:
            token = self._get("/dags/{dag_id}", dag_id=dag_id).text("file_token")
            return self._get("/dagSources/{token}", token=token).get_text("content")
        except NotFound:
            return None

    def assets(self) -> Iterator[Fields]:
        return self._offset_pages("/datasets", "datasets", "a dataset", order_by="id")

    def dependencies(self) -> None:
        return None

    # Runs.

    def run(self, dag_id: str, run_id: str) -> Fields:
        return _as_run(super().run(dag_id, run_id))

    def latest_run(self, dag_id: str) -> Fields | None:
        run = super().latest_run(dag_id)
        return None if run is None else _as_run(run)

    def task_instances(self, runs: Collection[tuple[str, str]]) -> list[Fields]:
        body: dict[str, Any] = {
            "dag_ids": sorted({dag_id for dag_id, _ in runs}),
            "dag_run_ids": sorted({run_id for _, run_id in runs}),
        }
        rows, total = self._task_instances_of_runs(body, _TASK_INSTANCES_AT_ONCE)
        while len(rows) < total:
            more, total = self._task_instances_of_runs(body, int(total * _ROOM))
            if len(more) <= len(rows):
                raise UnexpectedAnswer(
                    self._transport.instance,
                    f"Airflow gives {len(more)} of {total} task instances and no more at once",
                )
            rows = more
        return rows

    def _task_instances_of_runs(
        self, body: Mapping[str, Any], most: int
    ) -> tuple[list[Fields], int]:
        path = f"{self.root}/dags/~/dagRuns/~/taskInstances/list"
        return self._task_instances(
            self._transport.post(path, {**body, "page_limit": most}).fields()
        )

    def task_instances_updated_since(
        self, since: datetime, place: TaskInstancesPlace | None
    ) -> TaskInstancesPage:
        start = place.updated_since if place is not None and place.updated_since else since
        query: list[tuple[str, str | int | bool]] = [
            ("updated_at_gte", write_instant(start)),
            ("limit", self._page_size),
        ]
        answer = self._transport.get(f"{self.root}/dags/~/dagRuns/~/taskInstances", query)
        rows, total = self._task_instances(answer.fields())
        span = max(answer.sent_at - start, timedelta(0)) + _TICK
        end: datetime | None = None
        while len(rows) < total and span > timedelta(0):
            share = _PART_OF_A_PAGE * len(rows) / total
            span = max(timedelta(0), min(span * share, span - _INSTANT))
            end = start + span
            rows, total = self._updated_within(query, end)
        if len(rows) < total and end is not None:
            rows = self._of_one_instant(query, end)
        following = None if end is None else TaskInstancesPlace(updated_since=end + _INSTANT)
        return TaskInstancesPage(rows, following)

    def _of_one_instant(self, query: Query, instant: datetime) -> list[Fields]:
        """More than a page, all of one instant: of one statement, such as that which clears a run
        of many tasks."""
        found: dict[tuple[str, str, str, str], Fields] = {}
        offset = 0
        while True:
            rows, total = self._updated_within(query, instant, offset)
            found |= {_identity(row): row for row in rows}
            offset += len(rows)
            if not rows or offset >= total:
                return list(found.values())

    def _updated_within(
        self, query: Query, end: datetime, offset: int = 0
    ) -> tuple[list[Fields], int]:
        more: Query = [("updated_at_lte", write_instant(end)), ("offset", offset)]
        return self._task_instances(self._get("/dags/~/dagRuns/~/taskInstances", [*query, *more]))

    def _task_instances(self, answer: Fields) -> tuple[list[Fields], int]:
        return answer.rows("task_instances", "a task instance"), self._total(answer)

    # Acting.

    def create_run(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> Fields:
        """Ask for a run; its logical date is now."""
        answer = self._transport.act(
            f"{self.root}/dags/{{dag_id}}/dagRuns",
            {"dag_run_id": run_id, "conf": dict(conf)},
            dag_id=dag_id,
        )
        return _as_run(answer.fields())

    def fail_run(self, dag_id: str, run_id: str, note: str) -> None:
        path = f"{self.root}/dags/{{dag_id}}/dagRuns/{{run_id}}"
        self._transport.patch(path, {"state": "failed"}, dag_id=dag_id, run_id=run_id)
        self._transport.patch(f"{path}/setNote", {"note": note}, dag_id=dag_id, run_id=run_id)

    # Parts.

    def _runs(self, filters: Query, place: RunsPlace | None) -> RunsPage:
        # It has no cursors, and refuses what it does not know.
        offset = (place.offset if place else None) or OffsetPlace()
        page = self._runs_by_offset(filters, offset)
        return replace(page, rows=_as_runs(page.rows))


def _identity(task_instance: Fields) -> tuple[str, str, str, str]:
    return (
        task_instance.text("dag_id"),
        task_instance.text("dag_run_id"),
        task_instance.text("task_id"),
        str(task_instance.get_integer("map_index")),
    )


def _as_runs(runs: Sequence[Fields]) -> list[Fields]:
    return [_as_run(run) for run in runs]


def _as_run(run: Fields) -> Fields:
    """With the time when its schedule was to start it; the others are started by something else."""
    if run.get_text("run_type") != "scheduled":
        return run
    return Fields({**run.values, "run_after": run.get_text("data_interval_end")}, run.what)


def _as_dag(dag: Fields) -> Fields:
    """An entry in the list of DAGs, or the details of one."""
    values = {
        **dag.values,
        "timetable_summary": _summary(dag),
        "next_dagrun_run_after": dag.get_text("next_dagrun_create_after"),
    }
    condition = dag.values.get("dataset_expression")
    if condition is not None:
        values["asset_expression"] = _as_condition(condition)
    elif values["timetable_summary"] == "Dataset" and "timezone" in dag:
        # The details before 2.9 do not say which.
        values["asset_expression"] = {"asset": {"name": "datasets"}}
    return Fields(values, dag.what)


def _summary(dag: Fields) -> str | None:
    """A cron expression, a name, or a span of time as Python writes it."""
    interval = dag.get_object("schedule_interval")
    if interval is None:
        return None
    if "value" in interval:
        return interval.get_text("value")
    if interval.get_text("__type") == "TimeDelta":
        return str(
            timedelta(
                days=interval.get_integer("days") or 0,
                seconds=interval.get_integer("seconds") or 0,
                microseconds=interval.get_integer("microseconds") or 0,
            )
        )
    return dag.get_text("timetable_description") or interval.get_text("__type")


def _as_condition(condition: Any) -> Any:
    """A dataset is its URI here, and an object in Airflow 3."""
    if isinstance(condition, str):
        return {"asset": {"uri": condition}}
    if isinstance(condition, Mapping):
        return {
            name: [_as_condition(part) for part in parts]
            if isinstance(parts, list)
            else {"name": parts}
            if name == "alias" and isinstance(parts, str)
            else parts
            for name, parts in condition.items()
        }
    return condition
