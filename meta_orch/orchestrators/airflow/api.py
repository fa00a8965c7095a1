"""The endpoints of Airflow 3 (`/api/v2`), as lists of JSON objects.

What depends on the version of the server's API is here, in `api_v1.py` for Airflow 2, and in
`parse.py`; what is read when, and what is made of it, is in `catalogue.py` and `changes.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from meta_orch.domain.time import Window
from meta_orch.orchestrators.airflow.pages import Pages
from meta_orch.orchestrators.airflow.paging import (
    Key,
    OffsetPlace,
    read_offset_page,
    read_offset_pages,
)
from meta_orch.orchestrators.airflow.transport import Answer, Query, Transport
from meta_orch.orchestrators.answers import Fields
from meta_orch.orchestrators.base import NotFound, ServerFailed, UnexpectedAnswer, Unreachable

_log = logging.getLogger(__name__)

LARGEST_PAGE = 100
"""Airflow gives no more on one page of most lists, whatever it is asked."""
_TASK_INSTANCES_PAGE = 500
"""Their list by POST has no such limit."""
_RUNS_ONE_BY_ONE = 8
"""The task instances of so few runs are read run by run, those of more in one list by POST. Airflow
writes an entry into its audit log for each such list, which is no more than its own writing where
much runs; it also makes the request fail on SQLite while something else is being written."""
_DATE_LAGS = timedelta(seconds=5)
"""The `Date` of an answer has whole seconds, and uvicorn's may be one more behind."""
OPEN_STATES = ("queued", "running")
_RUNS = "/dags/~/dagRuns"


@dataclass(frozen=True, slots=True)
class RunsPlace:
    """Where the next page of runs begins: after a cursor of the server's where it has those (3.2.2
    and later), else at an offset."""

    cursor: str | None = None
    offset: OffsetPlace | None = None

    def to_json(self) -> dict[str, Any]:
        if self.offset is None:
            return {"cursor": self.cursor}
        return {"offset": self.offset.offset, "seen": list(self.offset.seen)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunsPlace:
        if "offset" in value:
            return cls(offset=OffsetPlace(value["offset"], tuple(value["seen"])))
        return cls(cursor=value["cursor"])


@dataclass(frozen=True, slots=True)
class TaskInstancesPlace:
    """Where the next page of task instances by their time of update begins: at an offset, or, where
    the server does not sort them, at a time."""

    offset: OffsetPlace | None = None
    updated_since: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        if self.updated_since is not None:
            return {"updated_since": self.updated_since.isoformat()}
        offset = self.offset or OffsetPlace()
        return {"offset": offset.offset, "seen": list(offset.seen)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TaskInstancesPlace:
        if "updated_since" in value:
            return cls(updated_since=datetime.fromisoformat(value["updated_since"]))
        return cls(offset=OffsetPlace(value["offset"], tuple(value["seen"])))


@dataclass(frozen=True, slots=True)
class TaskInstancesPage:
    rows: Sequence[Fields]
    next: TaskInstancesPlace | None
    """None after the last page."""


@dataclass(frozen=True, slots=True)
class RunsPage:
    rows: Sequence[Fields]
    next: RunsPlace | None
    """None after the last page."""
    sent_at: datetime
    """By the server's clock, UTC."""


class AirflowApi:
    """Airflow 3.0 and later. Every method raises a subclass of `OrchestratorError`, or
    `UnreadableJson` where an answer has another shape."""

    root: ClassVar = "/api/v2"
    pages: ClassVar[Pages] = Pages()
    """Those of the server's UI."""
    has_versions: ClassVar = True
    """Whether the server numbers the definitions of a DAG."""
    next_run: ClassVar = ("next_dagrun_logical_date", "next_dagrun_run_after")
    """Where it says the logical date of a DAG's next scheduled run, and when that is created."""

    def __init__(self, transport: Transport, *, page_size: int = LARGEST_PAGE) -> None:
        self._transport = transport
        self._page_size = page_size

    # The catalogue.

    def count_dags(self, *, paused: bool | None = None) -> int:
        """DAGs that a file still defines."""
        query: list[tuple[str, str | int | bool]] = [("limit", 1)]
        if paused is not None:
            query.append(("paused", paused))
        return self._total(self._get("/dags", query))

    def dags(self) -> Iterator[Fields]:
        """Every DAG that a file still defines, by its id."""
        return self._offset_pages("/dags", "dags", "a DAG", order_by="dag_id")

    def dag_details(self, listed: Fields) -> Fields:
        """Those of a DAG in the list of DAGs."""
        return self._get("/dags/{dag_id}/details", dag_id=listed.text("dag_id"))

    def dag_tasks(self, dag_id: str) -> list[Fields]:
        return self._get("/dags/{dag_id}/tasks", dag_id=dag_id).rows("tasks", "a task")

    def newest_dag_versions(self) -> Iterator[Fields]:
        """Versions of all DAGs, the newest first: their ids are UUIDs that begin with the time."""
        return self._offset_pages(
            "/dags/~/dagVersions", "dag_versions", "a DAG version", order_by="-id"
        )

    def newest_dag_version(self) -> tuple[str | None, int]:
        """The id of the newest version of any DAG, and the number of versions of all."""
        answer = self._get("/dags/~/dagVersions", [("order_by", "-id"), ("limit", 1)])
        newest = [row.text("id") for row in answer.rows("dag_versions", "a DAG version")]
        return (newest[0] if newest else None), self._total(answer)

    def dag_source(self, dag_id: str) -> str | None:
        """None where Airflow has none, which is also where there is no such DAG."""
        try:
            return self._get("/dagSources/{dag_id}", dag_id=dag_id).get_text("content")
        except NotFound:
            return None

    def assets(self) -> Iterator[Fields]:
        """Assets with the DAGs and tasks that read and write them."""
        return self._offset_pages("/assets", "assets", "an asset", order_by="id")

    def dependencies(self) -> Fields | None:
        """The graph of what triggers what. Airflow keeps this for its own UI, so it may go. None
        where this Airflow has no such thing."""
        return self._transport.get("/ui/dependencies").fields()

    def pools(self) -> Iterator[Fields]:
        return self._offset_pages("/pools", "pools", "a pool", order_by="id")

    def health(self) -> Fields:
        """Tells anybody."""
        return self._get("/monitor/health")

    def import_errors(self) -> Iterator[Fields]:
        return self._offset_pages(
            "/importErrors", "import_errors", "an import error", order_by="id"
        )

    # Runs.

    def runs_updated_since(self, since: datetime, place: RunsPlace | None) -> RunsPage:
        """Runs of all DAGs, in an order that they keep."""
        return self._runs([("updated_at_gte", write_instant(since))], place)

    def runs_updated_within(self, updated: Window, place: RunsPlace | None) -> RunsPage:
        """The same of runs that were last updated within a window, its end included."""
        bounds = [
            ("updated_at_gte", write_instant(updated.start)),
            ("updated_at_lte", write_instant(updated.end)),
        ]
        return self._runs(bounds, place)

    def open_runs(self, place: RunsPlace | None) -> RunsPage:
        """Runs of all DAGs that have not ended."""
        return self._runs([("state", state) for state in OPEN_STATES], place)

    def run(self, dag_id: str, run_id: str) -> Fields:
        return self._get("/dags/{dag_id}/dagRuns/{run_id}", dag_id=dag_id, run_id=run_id)

    def newest_runs(self) -> Iterator[Fields]:
        """Runs of all DAGs, the newest first, a hundred a request."""
        return self._offset_pages(_RUNS, "dag_runs", "a DAG run", order_by="-id", key=_key_of_run)

    def latest_run(self, dag_id: str) -> Fields | None:
        newest = [("order_by", "-id"), ("limit", 1)]
        answer = self._get("/dags/{dag_id}/dagRuns", newest, dag_id=dag_id)
        return next(iter(answer.rows("dag_runs", "a DAG run")), None)

    def task_instances(self, runs: Collection[tuple[str, str]]) -> list[Fields]:
        """Of some runs, each named by its DAG and id; it may give those of other runs as well."""
        if len(runs) > _RUNS_ONE_BY_ONE:
            try:
                return list(self._task_instances_by_post(runs))
            except (ServerFailed, Unreachable) as error:
                _log.info("%s; the runs are read one by one", error)
        return [row for run in runs for row in self._task_instances_of(*run)]

    def task_instances_updated_since(
        self, since: datetime, place: TaskInstancesPlace | None
    ) -> TaskInstancesPage:
        """Of all runs, in an order that they keep."""

        def fetch(offset: int) -> tuple[Sequence[Fields], int]:
            answer = self._get(
                "/dags/~/dagRuns/~/taskInstances",
                [
                    ("updated_at_gte", write_instant(since)),
                    ("order_by", "id"),
                    ("limit", self._page_size),
                    ("offset", offset),
                ],
            )
            return answer.rows("task_instances", "a task instance"), self._total(answer)

        offset = (place.offset if place else None) or OffsetPlace()
        page = read_offset_page(fetch, lambda row: row.text("id"), offset)
        following = None if page.next is None else TaskInstancesPlace(offset=page.next)
        return TaskInstancesPage(page.rows, following)

    def tries(self, dag_id: str, run_id: str, task_id: str, map_index: int | None) -> list[Fields]:
        """Every attempt of a task of a run; none where this Airflow does not keep them."""
        mapped = "" if map_index is None else f"/{map_index}"
        path = f"/dags/{{dag_id}}/dagRuns/{{run_id}}/taskInstances/{{task_id}}{mapped}/tries"
        try:
            answer = self._get(path, dag_id=dag_id, run_id=run_id, task_id=task_id)
        except NotFound:
            return []  # before 2.10, or deleted since it was listed
        return answer.rows("task_instances", "an attempt")

    def _task_instances_of(self, dag_id: str, run_id: str) -> Iterator[Fields]:
        try:
            yield from self._offset_pages(
                "/dags/{dag_id}/dagRuns/{run_id}/taskInstances",
                "task_instances",
                "a task instance",
                order_by="id",
                dag_id=dag_id,
                run_id=run_id,
            )
        except NotFound:
            return  # deleted since it was listed

    def _task_instances_by_post(self, runs: Collection[tuple[str, str]]) -> Iterator[Fields]:
        dag_ids = sorted({dag_id for dag_id, _ in runs})
        run_ids = sorted({run_id for _, run_id in runs})

        def fetch(offset: int) -> tuple[Sequence[Fields], int]:
            answer = self._transport.post(
                f"{self.root}/dags/~/dagRuns/~/taskInstances/list",
                {
                    "dag_ids": dag_ids,
                    "dag_run_ids": run_ids,
                    "order_by": "id",
                    "page_offset": offset,
                    "page_limit": _TASK_INSTANCES_PAGE,
                },
            ).fields()
            return answer.rows("task_instances", "a task instance"), self._total(answer)

        return read_offset_pages(fetch, lambda row: row.text("id"))

    # Acting.

    def create_run(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> Fields:
        """Ask for a run without a logical date."""
        return self._transport.act(
            f"{self.root}/dags/{{dag_id}}/dagRuns",
            {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)},
            dag_id=dag_id,
        ).fields()

    def fail_run(self, dag_id: str, run_id: str, note: str) -> None:
        """Airflow ends its tasks, too; it has no other word for a run that somebody ended."""
        self._transport.patch(
            f"{self.root}/dags/{{dag_id}}/dagRuns/{{run_id}}",
            {"state": "failed", "note": note},
            [("update_mask", name) for name in ("state", "note")],
            dag_id=dag_id,
            run_id=run_id,
        )

    def missed_logical_date(self, dag_id: str) -> datetime | None:
        """That of the scheduled run which a paused DAG has when it is paused no longer; None where
        none is due yet."""
        answer = self._transport.get(f"{self.root}/dags/{{dag_id}}", dag_id=dag_id)
        dag = answer.fields()
        logical_date, run_after = map(dag.get_instant, self.next_run)
        return logical_date if run_after and run_after <= answer.sent_at + _DATE_LAGS else None

    def create_run_in_place_of(self, dag_id: str, run_id: str, logical_date: datetime) -> None:
        """A run by hand; the scheduler makes none of its own for that logical date."""
        self._transport.act(
            f"{self.root}/dags/{{dag_id}}/dagRuns",
            {"dag_run_id": run_id, "logical_date": write_instant(logical_date)},
            dag_id=dag_id,
        )

    def is_paused(self, dag_id: str) -> bool:
        return self._get("/dags/{dag_id}", dag_id=dag_id).flag("is_paused")

    def set_paused(self, dag_id: str, *, is_paused: bool) -> None:
        self._transport.patch(
            f"{self.root}/dags/{{dag_id}}",
            {"is_paused": is_paused},
            [("update_mask", "is_paused")],
            dag_id=dag_id,
        )

    # Parts.

    def _get(self, path: str, query: Query = (), **names: str) -> Fields:
        return self._transport.get(f"{self.root}{path}", query, **names).fields()

    def _runs(self, filters: Query, place: RunsPlace | None) -> RunsPage:
        if place is not None and place.offset is not None:
            return self._runs_by_offset(filters, place.offset)
        query = self._query_for_runs(filters)
        cursor = (place.cursor if place else None) or ""
        answer = self._transport.get(self.root + _RUNS, [*query, ("cursor", cursor)])
        fields = answer.fields()
        if "next_cursor" not in fields:
            # This Airflow has no cursors. It ignores the parameter and gives the first page by
            # offset, without a word.
            return self._runs_by_offset(filters, OffsetPlace(), first=answer)
        following = fields.get_text("next_cursor")
        return RunsPage(
            fields.rows("dag_runs", "a DAG run"),
            None if following is None else RunsPlace(cursor=following),
            answer.sent_at,
        )

    def _query_for_runs(self, filters: Query) -> Query:
        return [*filters, ("order_by", "id"), ("limit", self._page_size)]

    def _runs_by_offset(
        self, filters: Query, place: OffsetPlace, first: Answer | None = None
    ) -> RunsPage:
        query = self._query_for_runs(filters)
        answers: list[Answer] = []

        def fetch(offset: int) -> tuple[Sequence[Fields], int]:
            answer = first or self._transport.get(self.root + _RUNS, [*query, ("offset", offset)])
            answers.append(answer)
            fields = answer.fields()
            return fields.rows("dag_runs", "a DAG run"), self._total(fields)

        page = read_offset_page(fetch, _key_of_run, place)
        return RunsPage(
            page.rows,
            None if page.next is None else RunsPlace(offset=page.next),
            answers[0].sent_at,
        )

    def _offset_pages(
        self,
        path: str,
        field: str,
        what: str,
        *,
        order_by: str,
        key: Key | None = None,
        **names: str,
    ) -> Iterator[Fields]:
        def fetch(offset: int) -> tuple[Sequence[Fields], int]:
            query = [("order_by", order_by), ("limit", self._page_size), ("offset", offset)]
            answer = self._get(path, query, **names)
            return answer.rows(field, what), self._total(answer)

        ordered = order_by.removeprefix("-")
        return read_offset_pages(fetch, key or (lambda row: str(row.values.get(ordered))))

    def _total(self, answer: Fields) -> int:
        total = answer.get_integer("total_entries")
        if total is None:
            raise UnexpectedAnswer(self._transport.instance, f"{answer.what} has no total_entries")
        return total


def _key_of_run(row: Fields) -> str:
    return f"{row.text('dag_id')}/{row.text('dag_run_id')}"


def write_instant(instant: datetime) -> str:
    # Airflow answers 500 to an instant without an offset.
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
