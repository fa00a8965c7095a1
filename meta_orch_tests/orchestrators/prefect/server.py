"""Prefect's API over rows that were recorded from a live server, which tests may change.

It answers what the adapter asks and refuses everything else, so that a filter which it does not
know cannot pass as one that matches all. The contract suite also runs against the live server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from logging import ERROR, INFO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from meta_orch.domain.time import parse_instant
from meta_orch_tests.support.loopback import Reply, Request

RECORDED = Path(__file__).parent / "recorded" / "prefect-3.8.8.json"
PAGE_LIMIT = 200
EVENTS_LIMIT = 50
NOWHERE = UUID("b51a41cf-6a40-4ed7-8d4c-4f1f3a8f7a10")

Row = dict[str, Any]
Matches = Callable[[Row], bool]


class Unsupported(Exception):
    """The adapter asked for something that this server does not know."""


class PrefectInMemory:
    """`answer` is for a `LoopbackServer`. The rows are by kind and id; `now` is moved by tests, and
    is the time of what the server itself dates."""

    def __init__(self, recorded: Path | None = RECORDED) -> None:
        rows: Mapping[str, Any] = json.loads(recorded.read_text()) if recorded else {}
        self.version: str = rows.get("version", "3.8.8")
        kinds = (
            *("flows", "deployments", "flow_runs", "task_runs"),
            *("work_pools", "concurrency_limits", "events", "logs"),
        )
        self.rows: dict[str, dict[str, Row]] = {
            kind: {row["id"]: row for row in rows.get(kind, ())} for kind in kinds
        }
        self.recorded: tuple[Row, ...] = tuple(deepcopy(list(self.rows["flow_runs"].values())))
        ends = [r["end_time"] for r in self.rows["flow_runs"].values() if r["end_time"]]
        self.now: datetime = parse_instant(max(ends, default=None)) or datetime.now(UTC)
        self.now += timedelta(minutes=1)

    # What tests do to it.

    def advance(self, by: timedelta) -> None:
        self.now += by

    def deployment(self, name: str) -> Row:
        """By `flow/deployment`."""
        for row in self.rows["deployments"].values():
            if f"{self.rows['flows'][row['flow_id']]['name']}/{row['name']}" == name:
                return row
        raise LookupError(name)

    def add_run(self, deployment: str, number: int = 0, **fields: Any) -> Row:
        """A run that is like one that completed in everything that is not given."""
        runs = self.rows["flow_runs"].values()
        like = next(run for run in runs if run["state_type"] == "COMPLETED")
        of = self.deployment(deployment)
        row = {
            **deepcopy(like),
            "id": str(uuid5(NOWHERE, f"{deployment} {number} {len(self.rows['flow_runs'])}")),
            "deployment_id": of["id"],
            "flow_id": of["flow_id"],
            "parent_task_run_id": None,
            "next_scheduled_start_time": None,
            "expected_start_time": self.now.isoformat(),
            "state_name": fields.get("state_type", "COMPLETED").capitalize(),
            **fields,
        }
        self.rows["flow_runs"][row["id"]] = row
        return row

    def set_state(self, run: Row, state_type: str, name: str | None = None) -> None:
        """As the server does: an edit between two ends keeps the time of the first."""
        old = run["state_type"]
        ended = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        run["state_type"] = state_type
        run["state_name"] = name or state_type.capitalize()
        is_due = state_type == "SCHEDULED"
        run["next_scheduled_start_time"] = self.now.isoformat() if is_due else None
        if state_type == "RUNNING":
            run["start_time"] = run["start_time"] or self.now.isoformat()
        if state_type not in ended:
            run["end_time"] = None
        elif old not in ended:
            run["end_time"] = self.now.isoformat()
            run["start_time"] = run["start_time"] or run["end_time"]
        event: Row = {
            "id": str(uuid5(NOWHERE, f"event {len(self.rows['events'])}")),
            "event": f"prefect.flow-run.{run['state_name']}",
            "occurred": self.now.isoformat(),
            "resource": {
                "prefect.resource.id": f"prefect.flow-run.{run['id']}",
                "prefect.state-type": state_type,
            },
            "payload": {"initial_state": {"type": old}},
            "related": [],
        }
        self.rows["events"][event["id"]] = event

    def log(
        self, run: Row, message: str, level: int = INFO, *, task_run_id: str | None = None
    ) -> None:
        row = {
            "id": str(uuid5(NOWHERE, f"log {len(self.rows['logs'])}")),
            "flow_run_id": run["id"],
            "task_run_id": task_run_id,
            "level": level,
            "message": message,
            "timestamp": self._tick(),
        }
        self.rows["logs"][row["id"]] = row

    # What it answers.

    def answer(self, request: Request) -> Reply:
        try:
            reply = self._answer(request)
        except Unsupported as error:
            reply = Reply({"detail": f"not in this server: {error}"}, status=501)
        return self.dated(reply)

    def dated(self, reply: Reply) -> Reply:
        """With the server's clock."""
        date = self.now.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return replace(reply, headers={"Date": date, **reply.headers})

    def _answer(self, request: Request) -> Reply:  # noqa: PLR0911  one for each endpoint
        path, body = request.path.removeprefix("/api"), request.body or {}
        match path.strip("/").split("/"):
            case ["csrf-token"]:
                return Reply({"detail": "CSRF protection is disabled."}, status=422)
            case ["events", "filter"]:
                return self._events(body)
            case ["deployments", deployment, "create_flow_run"]:
                return self._create_run(deployment, body)
            case [*_, act] if act in {"set_state", "pause_deployment", "resume_deployment"}:
                return self._act(path, body)
            case _ if request.method in {"PATCH", "DELETE"} or path == "/deployments/":
                return self._act(path, {**body, "method": request.method})
            case [*_, "filter"] if body.get("limit", 0) > PAGE_LIMIT:
                return Reply({"detail": "Invalid limit"}, status=422)
            case ["deployments" | "flow_runs" as kind, row_id] if request.method == "GET":
                if row_id not in self.rows[kind]:
                    return Reply({"detail": "Not found"}, status=404)
        return Reply(self._read(path, body))

    def _read(self, path: str, body: Row) -> Any:  # noqa: PLR0911  one for each endpoint
        match path.removeprefix("/v2").strip("/").split("/"):
            case ["admin", "version"]:
                return self.version
            case ["health"]:
                return True
            case ["deployments", "name", flow, name]:
                return self.deployment(f"{flow}/{name}")
            case ["flows", "name", name]:
                return next(row for row in self.rows["flows"].values() if row["name"] == name)
            case [kind, row_id] if row_id in self.rows.get(kind, {}):
                return self.rows[kind][row_id]
            case [kind, "filter"]:
                return self._filtered(kind, body)
            case [kind, "count"]:
                return len(self._filtered(kind, {**body, "limit": None}))
            case ["deployments", "paginate"]:
                found = self._filtered("deployments", {"sort": body["sort"], "limit": None})
                return {"results": found[: body["limit"]], "count": len(found)}
        raise Unsupported(path)

    def _act(self, path: str, body: Row) -> Reply:
        """What people do to a server by hand."""
        method = body.pop("method", "POST")
        match method, path.strip("/").split("/"):
            case "POST", ["flow_runs", run, "set_state"]:
                state = body["state"]
                row = self.rows["flow_runs"][run]
                if state["type"] == "CANCELLING" and row["state_type"] == "SCHEDULED":
                    state = {"type": "CANCELLED"}  # nothing works on it that would have to end
                self.set_state(row, state["type"], state.get("name"))
            case _, [kind, row_id, *_] if row_id not in self.rows[kind]:
                return Reply({"detail": "Not found"}, status=404)
            case "POST", ["deployments", deployment, act]:
                row = self.rows["deployments"][deployment]
                row.update(paused=act.startswith("pause"), updated=self._tick())
            case "POST", ["deployments"]:
                like = self.deployment("sums/manual")
                added = str(uuid5(NOWHERE, f"{body['name']} {self._tick()}"))
                row = {**deepcopy(like), **body, "id": added, "updated": self._tick()}
                self.rows["deployments"][added] = row
            case "PATCH", ["deployments", deployment]:
                self.rows["deployments"][deployment].update(**body, updated=self._tick())
            case "DELETE", [kind, row_id]:
                del self.rows[kind][row_id]
            case _:
                raise Unsupported(f"{method} {path}")
        return Reply({})

    def _tick(self) -> str:
        """A time that no other change has."""
        self.now += timedelta(microseconds=1)
        return self.now.isoformat()

    def work(self) -> None:
        """Let time do what it does to runs: those that are due start, those that run end, as the
        recorded run of the same deployment did and with task runs like its own."""
        for run in list(self.rows["flow_runs"].values()):
            due = run["next_scheduled_start_time"]
            is_planned = run["created_by"] is not None
            if run["state_type"] == "SCHEDULED" and due and not is_planned:
                self.set_state(run, "RUNNING")
                run["run_count"] += 1
                self.log(run, f"Beginning flow run '{run['name']}'")
            elif run["state_type"] == "RUNNING":
                self._finish(run)

    def _finish(self, run: Row) -> None:
        like = next(
            row
            for row in self.recorded
            if row["deployment_id"] == run["deployment_id"] and row["end_time"]
        )
        for task in list(self.rows["task_runs"].values()):
            if task["flow_run_id"] == like["id"]:
                own = str(uuid5(NOWHERE, f"{run['id']} {task['id']} {run['run_count']}"))
                times = {"start_time": run["start_time"], "end_time": self.now.isoformat()}
                begun = times if task["start_time"] else {}
                self.rows["task_runs"][own] = {**task, "id": own, "flow_run_id": run["id"], **begun}
                if task["state_type"] == "FAILED":
                    self.log(run, task["state"]["message"], ERROR, task_run_id=own)
        self.log(run, f"Finished in state {like['state_name']}()")
        self.set_state(run, like["state_type"], like["state_name"])

    def _create_run(self, deployment_id: str, body: Row) -> Reply:
        deployment = self.rows["deployments"].get(deployment_id)
        if deployment is None:
            return Reply({"detail": "Deployment not found"}, status=404)
        for run in self.rows["flow_runs"].values():
            if (key := body.get("idempotency_key")) and run["idempotency_key"] == key:
                return Reply(run)
        flow = self.rows["flows"][deployment["flow_id"]]["name"]
        state_type = body.get("state", {}).get("type", "SCHEDULED")
        run = self.add_run(
            f"{flow}/{deployment['name']}",
            parameters=body.get("parameters", {}),
            idempotency_key=body.get("idempotency_key"),
            state_type=state_type,
            start_time=None,
            end_time=None,
            run_count=0,
            next_scheduled_start_time=self.now.isoformat() if state_type == "SCHEDULED" else None,
        )
        return Reply(run, status=201)

    def _filtered(self, kind: str, body: Row) -> list[Row]:
        if kind not in self.rows:
            raise Unsupported(kind)
        tests = [
            self._related(kind, entity, entity_filter)
            for entity, entity_filter in body.items()
            if entity in self.rows
        ]
        found = [row for row in self.rows[kind].values() if all(test(row) for test in tests)]
        found = _sorted(found, body.get("sort", "ID_DESC" if "_runs" in kind else "NAME_ASC"))
        offset, limit = body.get("offset", 0), body.get("limit", PAGE_LIMIT)
        return found[offset:] if limit is None else found[offset : offset + limit]

    def _related(self, kind: str, entity: str, entity_filter: Row) -> Matches:
        """Whether a row of `kind` has a row of `entity` that matches."""
        matches = _filter(entity_filter)
        if kind == entity:
            return matches
        chosen = {row["id"] for row in self.rows[entity].values() if matches(row)}
        match kind, entity:
            case "flows", "flow_runs":
                runs = self.rows["flow_runs"]
                flows = {runs[run]["flow_id"] for run in chosen}
                return lambda row: row["id"] in flows
            case "flow_runs", "flows":
                return lambda row: row["flow_id"] in chosen
            case "task_runs", "flow_runs":
                return lambda row: row["flow_run_id"] in chosen
            case "deployments", "work_pools":
                names = {self.rows["work_pools"][pool]["name"] for pool in chosen}
                return lambda row: row.get("work_pool_name") in names
        raise Unsupported(f"{kind} by {entity}")

    def _events(self, body: Row) -> Reply:
        asked = dict(body["filter"])
        if body["limit"] > EVENTS_LIMIT:
            return Reply({"detail": "Input should be less than or equal to 50"}, status=422)
        names = asked.pop("event").pop("prefix")
        occurred = asked.pop("occurred", {})
        resource = asked.pop("resource", {})
        asked.pop("order", None)
        if asked or set(resource) - {"labels", "distinct"}:
            raise Unsupported(f"events by {asked or resource}")
        found = [
            event
            for event in self.rows["events"].values()
            if event["event"].startswith(tuple(names))
            and _between(event["occurred"], occurred.get("since"), occurred.get("until"))
            and all(
                event["resource"].get(label) in values
                for label, values in resource.get("labels", {}).items()
            )
        ]
        found.sort(key=lambda event: _instant(event["occurred"]), reverse=True)
        if resource.get("distinct"):
            latest: dict[str, Row] = {}
            for event in found:
                latest.setdefault(event["resource"]["prefect.resource.id"], event)
            found = list(latest.values())
        return Reply(
            {"events": found[: body["limit"]], "total": len(found), "next_page": None},
        )


def _filter(asked: Row) -> Matches:
    """A filter of one entity. An empty one matches all."""
    tests = [_field(name, test) for name, test in asked.items() if name != "operator"]
    combine = any if asked.get("operator") == "or_" and tests else all
    return lambda row: combine(test(row) for test in tests)


def _field(name: str, test: Row) -> Matches:
    if name == "state":
        if set(test) != {"type"}:
            raise Unsupported(f"state by {test}")
        return _field("state_type", test["type"])
    tests: list[Matches] = []
    for operator, value in test.items():
        match operator:
            case "any_":
                tests.append(lambda row, value=value: row.get(name) in value)
            case "ge_":
                tests.append(lambda row, value=value: row[name] >= value)
            case "is_null_":
                tests.append(lambda row, value=value: (row.get(name) is None) is value)
            case "after_":
                tests.append(lambda row, value=value: _between(row.get(name), value, None))
            case "before_":
                tests.append(lambda row, value=value: _between(row.get(name), None, value))
            case _:
                raise Unsupported(f"{name} by {operator}")
    return lambda row: all(matches(row) for matches in tests)


def _sorted(rows: Iterable[Row], sort: str) -> list[Row]:
    """Rows without the time that they are sorted by come first where it falls, as in PostgreSQL."""
    field = {
        "ID_DESC": "id",
        "NAME_ASC": "name",
        "TIMESTAMP_ASC": "timestamp",
        "UPDATED_DESC": "updated",
        "END_TIME_DESC": "end_time",
        "NEXT_SCHEDULED_START_TIME_ASC": "next_scheduled_start_time",
    }.get(sort)
    if field is None:
        raise Unsupported(sort)

    def order(row: Row) -> tuple[bool, Any]:
        value = row.get(field)
        return (
            value is None,
            _instant(value) if value and field.endswith("_time") else value or "",
        )

    return sorted(rows, key=order, reverse=sort.endswith("_DESC"))


def _between(text: str | None, since: str | None, until: str | None) -> bool:
    """Both ends belong to it."""
    if text is None:
        return False
    instant = _instant(text)
    return not (since and instant < _instant(since)) and not (until and instant > _instant(until))


def _instant(text: str) -> datetime:
    instant = parse_instant(text)
    if instant is None:
        raise ValueError("an instant is empty")
    return instant
