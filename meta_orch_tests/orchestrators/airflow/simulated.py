"""An Airflow in memory behind HTTP: as much of `/api/v2` as the adapter reads, with Airflow's own
paging, ordering and clock. What it does is what Airflow 3.3.2 and 3.0.6 did."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from meta_orch_tests.orchestrators.airflow.servers import empty_airflow
from meta_orch_tests.support.loopback import Reply, Request

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class SimulatedRun:
    number: int
    """Airflow's own primary key, by which it sorts and which it does not tell."""
    dag_id: str
    run_id: str
    state: str
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    task_state: str | None = None
    """Of its tasks, where it is not that of the run."""
    tasks_updated_at: datetime | None = None


@dataclass
class SimulatedDag:
    dag_id: str
    version: int = 1
    made_at: datetime = NOON
    has_run: bool = True
    is_paused: bool = False
    tasks: Sequence[str] = ("only",)

    @property
    def version_id(self) -> str:
        """A UUID of version 7: milliseconds first."""
        milliseconds = int(self.made_at.timestamp() * 1000)
        tail = (hash((self.dag_id, self.version)) & 0xFFFFFFFF) | (0x7 << 76) | (0x8 << 60)
        return str(UUID(int=(milliseconds << 80) | tail))


@dataclass
class SimulatedAirflow:
    """Args:
    has_cursors: pages runs as 3.2.2 and later do; else by offset only.
    """

    has_cursors: bool = True
    now: datetime = NOON
    runs: list[SimulatedRun] = field(default_factory=list)
    dags: dict[str, SimulatedDag] = field(default_factory=dict)
    before_each: Callable[[Request], None] = lambda _: None
    """Called before a request is answered: what happens meanwhile."""

    def start(self, dag_id: str = "orders", run_id: str | None = None) -> SimulatedRun:
        number = max((run.number for run in self.runs), default=0) + 1
        run = SimulatedRun(number, dag_id, run_id or f"run_{number}", "running", self.now, self.now)
        self.runs.append(run)
        return run

    def end(self, run: SimulatedRun, state: str = "success") -> None:
        run.state, run.ended_at, run.updated_at = state, self.now, self.now

    def clear(self, run: SimulatedRun) -> None:
        run.state, run.ended_at, run.updated_at = "running", None, self.now
        run.started_at = self.now

    def mark_tasks(self, run: SimulatedRun, state: str) -> None:
        """Set the state of a run's tasks by hand; the run is as it was."""
        run.task_state, run.tasks_updated_at = state, self.now

    def delete(self, run: SimulatedRun) -> None:
        self.runs.remove(run)

    def add_dag(self, dag_id: str, **fields: Any) -> SimulatedDag:
        self.dags[dag_id] = SimulatedDag(dag_id, **fields)
        return self.dags[dag_id]

    def change_dag(self, dag_id: str, tasks: Sequence[str]) -> None:
        """As Airflow does: a version that has been run stays, one that has not is changed."""
        dag = self.dags[dag_id]
        dag.tasks = tasks
        if dag.has_run:
            dag.version, dag.made_at, dag.has_run = dag.version + 1, self.now, False

    def answer(self, request: Request) -> Reply:
        self.before_each(request)
        for pattern, method in _ROUTES:
            match = re.fullmatch(pattern, f"{request.method} {request.path}")
            if match:
                reply = getattr(self, method)(request, *match.groups())
                break
        else:
            reply = empty_airflow(request)
        date = format_datetime(self.now, usegmt=True)
        return Reply(reply.body, reply.status, {"Date": date}, reply.delay, reply.cut_after)

    def _list_runs(self, request: Request) -> Reply:
        query = dict(request.query)
        since = datetime.fromisoformat(query.get("updated_at_gte", "1970-01-01T00:00:00Z"))
        until = datetime.fromisoformat(query.get("updated_at_lte", "9999-01-01T00:00:00Z"))
        states = {value for name, value in request.query if name == "state"}
        found = sorted(
            (
                run
                for run in self.runs
                if since <= run.updated_at <= until and (not states or run.state in states)
            ),
            key=lambda run: run.number,
        )
        limit = int(query["limit"])
        if not self.has_cursors or "cursor" not in query:
            offset = int(query.get("offset", 0))
            page = found[offset : offset + limit]
            return Reply({"dag_runs": [_run(r) for r in page], "total_entries": len(found)})
        if not re.fullmatch(r"\d*", query["cursor"]):
            return Reply({"detail": "Invalid cursor token"}, status=400)
        after = int(query["cursor"] or 0)
        rest = [run for run in found if run.number > after]
        page = rest[:limit]
        following = str(page[-1].number) if len(rest) > limit else None
        return Reply(
            {
                "dag_runs": [_run(run) for run in page],
                "total_entries": len(found),
                "next_cursor": following,
            }
        )

    def _ended_runs(self, request: Request) -> Reply:
        """The list by POST, as far as comparing needs it."""
        body = request.body
        since, until = (
            datetime.fromisoformat(body[name]) for name in ("end_date_gte", "end_date_lte")
        )
        found = [
            run
            for run in sorted(self.runs, key=lambda run: run.number)
            if run.dag_id in body["dag_ids"] and run.ended_at and since <= run.ended_at <= until
        ]
        page = found[body["page_offset"] :][: body["page_limit"]]
        return Reply({"dag_runs": [_run(run) for run in page], "total_entries": len(found)})

    def _one_run(self, _: Request, dag_id: str, run_id: str) -> Reply:
        for run in self.runs:
            if (run.dag_id, run.run_id) == (dag_id, run_id):
                return Reply(_run(run))
        return Reply({"detail": "The DagRun was not found"}, status=404)

    def _runs_of_dag(self, _: Request, dag_id: str) -> Reply:
        dag = self.dags[dag_id]
        runs = [{"dag_id": dag_id, "dag_versions": [_version(dag)]}] if dag.has_run else []
        return Reply({"dag_runs": runs, "total_entries": len(runs)})

    def _task_instances(self, request: Request, dag_id: str, run_id: str) -> Reply:
        return self._page_of_tasks(
            [run for run in self.runs if (run.dag_id, run.run_id) == (dag_id, run_id)],
            int(dict(request.query)["offset"]),
            int(dict(request.query)["limit"]),
        )

    def _updated_task_instances(self, request: Request) -> Reply:
        query = dict(request.query)
        since = datetime.fromisoformat(query["updated_at_gte"])
        rows = [
            _task_instance(run, task)
            for run in self.runs
            for task in ("extract", "load")
            if max(run.updated_at, run.tasks_updated_at or run.updated_at) >= since
        ]
        begin, limit = int(query["offset"]), int(query["limit"])
        page = rows[begin : begin + limit]
        return Reply({"task_instances": page, "total_entries": len(rows)})

    def _batch(self, request: Request) -> Reply:
        body = request.body
        return self._page_of_tasks(
            [
                run
                for run in self.runs
                if run.dag_id in body["dag_ids"] and run.run_id in body["dag_run_ids"]
            ],
            body["page_offset"],
            body["page_limit"],
        )

    def _page_of_tasks(self, runs: list[SimulatedRun], offset: int, limit: int) -> Reply:
        rows = [_task_instance(run, task) for run in runs for task in ("extract", "load")]
        page = rows[offset : offset + limit]
        return Reply({"task_instances": page, "total_entries": len(rows)})

    def _list_dags(self, request: Request) -> Reply:
        query = dict(request.query)
        found = [
            dag
            for _, dag in sorted(self.dags.items())
            if "paused" not in query or dag.is_paused == (query["paused"] == "true")
        ]
        page = found[int(query.get("offset", 0)) :][: int(query["limit"])]
        return Reply({"dags": [_dag(dag) for dag in page], "total_entries": len(found)})

    def _versions(self, request: Request) -> Reply:
        query = dict(request.query)
        found = sorted(self.dags.values(), key=lambda dag: dag.version_id, reverse=True)
        page = found[int(query.get("offset", 0)) :][: int(query["limit"])]
        return Reply({"dag_versions": [_version(dag) for dag in page], "total_entries": len(found)})

    def _details(self, _: Request, dag_id: str) -> Reply:
        dag = self.dags[dag_id]
        return Reply({**_dag(dag), "latest_dag_version": _version(dag)})

    def _tasks(self, _: Request, dag_id: str) -> Reply:
        tasks = [
            {"task_id": name, "operator_name": "@task", "downstream_task_ids": []}
            for name in self.dags[dag_id].tasks
        ]
        return Reply({"tasks": tasks, "total_entries": len(tasks)})


_ROUTES = (
    (r"GET /api/v2/dags", "_list_dags"),
    (r"GET /api/v2/dags/~/dagVersions", "_versions"),
    (r"GET /api/v2/dags/~/dagRuns", "_list_runs"),
    (r"POST /api/v2/dags/~/dagRuns/list", "_ended_runs"),
    (r"GET /api/v2/dags/~/dagRuns/~/taskInstances", "_updated_task_instances"),
    (r"POST /api/v2/dags/~/dagRuns/~/taskInstances/list", "_batch"),
    (r"GET /api/v2/dags/([^/]+)/details", "_details"),
    (r"GET /api/v2/dags/([^/]+)/tasks", "_tasks"),
    (r"GET /api/v2/dags/([^/]+)/dagRuns", "_runs_of_dag"),
    (r"GET /api/v2/dags/([^/]+)/dagRuns/([^/]+)", "_one_run"),
    (r"GET /api/v2/dags/([^/]+)/dagRuns/([^/]+)/taskInstances", "_task_instances"),
)


def _run(run: SimulatedRun) -> dict[str, Any]:
    return {
        "dag_id": run.dag_id,
        "dag_run_id": run.run_id,
        "state": run.state,
        "run_type": "manual",
        "run_after": _text(run.started_at),
        "start_date": _text(run.started_at),
        "end_date": _text(run.ended_at),
    }


def _task_instance(run: SimulatedRun, task: str) -> dict[str, Any]:
    return {
        "id": f"{run.number}-{task}",
        "dag_id": run.dag_id,
        "dag_run_id": run.run_id,
        "task_id": task,
        "map_index": -1,
        "state": run.task_state or run.state,
        "try_number": 1,
    }


def _dag(dag: SimulatedDag) -> dict[str, Any]:
    return {
        "dag_id": dag.dag_id,
        "is_paused": dag.is_paused,
        "timetable_summary": None,
        "owners": ["anna"],
        "tags": [],
    }


def _version(dag: SimulatedDag) -> dict[str, Any]:
    return {"id": dag.version_id, "version_number": dag.version, "dag_id": dag.dag_id}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


MINUTE = timedelta(minutes=1)
