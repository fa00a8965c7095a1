"""An Airflow in memory behind HTTP: as much of `/api/v2` as the adapter reads, with Airflow's own
paging, ordering and clock. What it does is what Airflow 3.3.2 and 3.0.6 did: the contract suite
runs on it as on them. `simulated_v1.py` is an Airflow 2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from meta_orch_tests.orchestrators.airflow import simulated_log
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
    started_at: datetime | None
    updated_at: datetime
    ended_at: datetime | None = None
    asked_for_at: datetime | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    times_cleared: int = 0
    task_state: str | None = None
    """Of its tasks, where it is not that of the run."""
    tasks_updated_at: datetime | None = None


@dataclass(frozen=True)
class SimulatedTask:
    """What a task does in each run."""

    name: str
    ends_as: str | None = None
    """The state of its run where it is None."""
    attempts: int = 1
    map_index: int = -1
    has_times: bool = True
    """Whether it ever begins."""


@dataclass
class SimulatedDag:
    dag_id: str
    version: int = 1
    made_at: datetime = NOON
    has_run: bool = True
    is_paused: bool = False
    tasks: Sequence[str] = ("only",)
    edges: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Downstream tasks by task."""
    about_tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """More that the API tells of a task."""
    does: Sequence[SimulatedTask] = (SimulatedTask("extract"), SimulatedTask("load"))
    ends_as: str = "success"
    listed: Mapping[str, Any] = field(default_factory=dict)
    """More that the list of DAGs tells, and the details."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """More that the details tell."""
    source: str = ""

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
    assets: Sequence[Mapping[str, Any]] = ()
    dependencies: Mapping[str, Any] = field(default_factory=lambda: {"nodes": [], "edges": []})
    pools: Sequence[Mapping[str, Any]] = ()
    before_each: Callable[[Request], None] = lambda _: None
    """Called before a request is answered: what happens meanwhile."""

    def start(self, dag_id: str = "orders", run_id: str | None = None) -> SimulatedRun:
        number = max((run.number for run in self.runs), default=0) + 1
        run = SimulatedRun(number, dag_id, run_id or f"run_{number}", "running", self.now, self.now)
        self.runs.append(run)
        return run

    def end(self, run: SimulatedRun, state: str = "success") -> None:
        run.state, run.ended_at, run.updated_at = state, self.now, self.now

    def clear(self, run: SimulatedRun, state: str = "running") -> None:
        run.state, run.ended_at, run.updated_at = state, None, self.now
        run.started_at = self.now if state == "running" else None
        run.times_cleared += 1

    def work(self) -> None:
        """Let some seconds pass: what is queued begins, and what runs ends as its DAG does."""
        self.now += timedelta(seconds=3)
        for run in self.runs:
            dag = self.dags.get(run.dag_id)
            if run.state == "queued" and dag is not None and not dag.is_paused:
                run.state, run.started_at, run.updated_at = "running", self.now, self.now
                dag.has_run = True
            elif run.state == "running" and dag is not None:
                self.end(run, dag.ends_as)

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
        reply = self._reply(request)
        date = format_datetime(self.now, usegmt=True)
        return Reply(reply.body, reply.status, {"Date": date}, reply.delay, reply.cut_after)

    def _reply(self, request: Request) -> Reply:
        for pattern, method in _ROUTES:
            match = re.fullmatch(pattern, f"{request.method} {request.path}")
            if match:
                return getattr(self, method)(request, *map(unquote, match.groups()))
        return empty_airflow(request)

    def _list_runs(self, request: Request) -> Reply:
        query = dict(request.query)
        since = datetime.fromisoformat(query.get("updated_at_gte", "1970-01-01T00:00:00Z"))
        until = datetime.fromisoformat(query.get("updated_at_lte", "9999-01-01T00:00:00Z"))
        states = {value for name, value in request.query if name == "state"}
        if query["order_by"] == "-id":
            return self._list_newest_runs(query)
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

    def _one_run(self, request: Request, dag_id: str, run_id: str) -> Reply:
        run = self._find(dag_id, run_id)
        if run is None:
            return Reply({"detail": "The DagRun was not found"}, status=404)
        if request.method == "DELETE":
            self.delete(run)
            return Reply(status=204)
        if request.method == "PATCH":
            # Its end stays.
            run.state, run.updated_at = request.body["state"], self.now
        return Reply(_run(run))

    def _note(self, _: Request, dag_id: str, run_id: str) -> Reply:
        run = self._find(dag_id, run_id)
        return Reply(_run(run)) if run else Reply({"detail": "The DagRun was not found"}, 404)

    def _clear_run(self, _: Request, dag_id: str, run_id: str) -> Reply:
        run = self._find(dag_id, run_id)
        if run is None:
            return Reply({"detail": "The DagRun was not found"}, status=404)
        self.clear(run, "queued")
        return Reply(_run(run))

    def _create_run(self, request: Request, dag_id: str) -> Reply:
        if dag_id not in self.dags:
            return Reply({"detail": "The DAG was not found"}, status=404)
        run_id = request.body["dag_run_id"]
        if self._find(dag_id, run_id):
            return Reply({"detail": "The DagRun exists"}, status=409)
        run = self.start(dag_id, run_id)
        run.state, run.started_at, run.asked_for_at = "queued", None, self.now
        run.conf = request.body["conf"]
        return Reply(_run(run))

    def _find(self, dag_id: str, run_id: str) -> SimulatedRun | None:
        found = [run for run in self.runs if (run.dag_id, run.run_id) == (dag_id, run_id)]
        return found[0] if found else None

    def _list_newest_runs(self, query: Mapping[str, str]) -> Reply:
        """With the versions that they used; after them the runs of DAGs that ran some time."""
        runs = [_run(run) for run in sorted(self.runs, key=lambda run: -run.number)]
        listed = {run["dag_id"] for run in runs}
        runs += [
            {"dag_id": dag.dag_id, "dag_run_id": "some_time"}
            for dag in self.dags.values()
            if dag.has_run and dag.dag_id not in listed
        ]
        offset, limit = int(query["offset"]), int(query["limit"])
        page = [run | self._used_versions(run["dag_id"]) for run in runs[offset:][:limit]]
        return Reply({"dag_runs": page, "total_entries": len(runs)})

    def _runs_of_dag(self, _: Request, dag_id: str) -> Reply:
        runs = (
            [{"dag_id": dag_id} | self._used_versions(dag_id)] if self.dags[dag_id].has_run else []
        )
        return Reply({"dag_runs": runs, "total_entries": len(runs)})

    def _used_versions(self, dag_id: str) -> dict[str, Any]:
        """Those that a run says it used."""
        dag = self.dags.get(dag_id)
        return {"dag_versions": [_version(dag)] if dag and dag.has_run else []}

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
            row
            for run in self.runs
            for row in self._tasks_of(run)
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
        rows = [row for run in runs for row in self._tasks_of(run)]
        page = rows[offset : offset + limit]
        return Reply({"task_instances": page, "total_entries": len(rows)})

    def _tasks_of(self, run: SimulatedRun) -> list[dict[str, Any]]:
        dag = self.dags.get(run.dag_id)
        does = dag.does if dag else SimulatedDag(run.dag_id).does
        return [_task_instance(run, task) for task in does]

    def _tries(self, _: Request, dag_id: str, run_id: str, task_id: str) -> Reply:
        run = self._find(dag_id, run_id)
        rows = [row for row in self._tasks_of(run) if row["task_id"] == task_id] if run else []
        tries = [
            {**row, "try_number": number, "state": "failed", "end_date": row["start_date"]}
            for row in rows
            for number in range(1, row["try_number"])
        ]
        return Reply({"task_instances": [*tries, *rows], "total_entries": len(tries) + len(rows)})

    def _log(self, request: Request, dag_id: str, run_id: str, task_id: str, tried: str) -> Reply:
        run, attempt, query = self._find(dag_id, run_id), int(tried), dict(request.query)
        rows = self._tasks_of(run) if run else []
        index = int(query["map_index"])
        for row in rows:
            if (row["task_id"], row["map_index"]) == (task_id, index):
                has_ended = attempt < row["try_number"] or row["end_date"] is not None
                entries = simulated_log.log_of(row, attempt)
                token = query.get("token")
                return Reply(simulated_log.answer(entries, token, has_ended=has_ended))
        return Reply({"detail": "TaskInstance not found"}, status=404)

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
        return Reply({**_dag(dag), **dag.details, "latest_dag_version": _version(dag)})

    def _one_dag(self, request: Request, dag_id: str) -> Reply:
        if dag_id not in self.dags:
            return Reply({"detail": "The DAG was not found"}, status=404)
        if request.method == "PATCH":
            self.dags[dag_id].is_paused = request.body["is_paused"]
        return Reply(_dag(self.dags[dag_id]))

    def _tasks(self, _: Request, dag_id: str) -> Reply:
        dag = self.dags.get(dag_id)
        if dag is None:
            return Reply({"detail": "The DAG was not found"}, status=404)
        tasks = [
            {
                "task_id": name,
                "operator_name": "@task",
                "downstream_task_ids": list(dag.edges.get(name, ())),
                **dag.about_tasks.get(name, {}),
            }
            for name in dag.tasks
        ]
        return Reply({"tasks": tasks, "total_entries": len(tasks)})

    def _source(self, _: Request, dag_id: str) -> Reply:
        return Reply({"content": self.dags[dag_id].source})

    def _assets(self, _: Request) -> Reply:
        return Reply({"assets": self.assets, "total_entries": len(self.assets)})

    def _pools(self, _: Request) -> Reply:
        return Reply({"pools": self.pools, "total_entries": len(self.pools)})

    def _dependencies(self, _: Request) -> Reply:
        return Reply(self.dependencies)


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
    (r"(?:GET|PATCH) /api/v2/dags/([^/]+)", "_one_dag"),
    (r"POST /api/v2/dags/([^/]+)/dagRuns", "_create_run"),
    (r"(?:GET|PATCH|DELETE) /api/v2/dags/([^/]+)/dagRuns/([^/]+)", "_one_run"),
    (r"PATCH /api/v2/dags/([^/]+)/dagRuns/([^/]+)/setNote", "_note"),
    (r"POST /api/v2/dags/([^/]+)/dagRuns/([^/]+)/clear", "_clear_run"),
    (r"GET /api/v2/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/tries", "_tries"),
    (r"GET /api/v2/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/logs/(\d+)", "_log"),
    (r"GET /api/v2/dagSources/([^/]+)", "_source"),
    (r"GET /api/v2/assets", "_assets"),
    (r"GET /api/v2/pools", "_pools"),
    (r"GET /ui/dependencies", "_dependencies"),
    (r"GET /api/v2/dags/([^/]+)/dagRuns/([^/]+)/taskInstances", "_task_instances"),
)


def _run(run: SimulatedRun) -> dict[str, Any]:
    return {
        "dag_id": run.dag_id,
        "dag_run_id": run.run_id,
        "state": run.state,
        "run_type": "manual",
        "run_after": _text(run.asked_for_at or run.started_at),
        "start_date": _text(run.started_at),
        "end_date": _text(run.ended_at),
        "conf": run.conf,
    }


def _task_instance(run: SimulatedRun, task: SimulatedTask) -> dict[str, Any]:
    state = task.ends_as if task.ends_as and run.ended_at else run.state
    times = (run.started_at, run.ended_at) if task.has_times else (None, None)
    return {
        "id": f"{run.number}-{task.name}-{task.map_index}",
        "dag_id": run.dag_id,
        "dag_run_id": run.run_id,
        "task_id": task.name,
        "map_index": task.map_index,
        "state": run.task_state or state,
        "try_number": run.times_cleared + (task.attempts if run.ended_at else 1),
        "start_date": _text(times[0]),
        "end_date": _text(times[1]),
    }


def _dag(dag: SimulatedDag) -> dict[str, Any]:
    return {
        "dag_id": dag.dag_id,
        "is_paused": dag.is_paused,
        "timetable_summary": None,
        "owners": ["anna"],
        "tags": [],
        **dag.listed,
    }


def _version(dag: SimulatedDag) -> dict[str, Any]:
    return {"id": dag.version_id, "version_number": dag.version, "dag_id": dag.dag_id}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


MINUTE = timedelta(minutes=1)
