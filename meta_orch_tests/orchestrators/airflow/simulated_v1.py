"""An Airflow 2 in memory: what `SimulatedAirflow` holds, told by `/api/v1`.

It has no versions and no cursors, refuses parameters that it does not know, and gives task
instances in another order each time.
"""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from meta_orch_tests.orchestrators.airflow import simulated_log
from meta_orch_tests.orchestrators.airflow.servers import PASSWORD
from meta_orch_tests.orchestrators.airflow.simulated import SimulatedAirflow
from meta_orch_tests.support.loopback import Reply, Request

_UNKNOWN = frozenset({"cursor"})
_LARGEST_PAGE = 100


@dataclass
class SimulatedAirflow2(SimulatedAirflow):
    chance: random.Random = field(default_factory=lambda: random.Random(2))  # any order

    def _reply(self, request: Request) -> Reply:
        refused = _refuse(request)
        if refused is not None:
            return refused
        path = request.path.removeprefix("/api/v1")
        match path.strip("/").split("/"):
            case ["version"]:
                return Reply({"version": "2.11.2"})
            case ["datasets"]:
                return Reply({"datasets": self.assets, "total_entries": len(self.assets)})
            case ["dags", "~", "dagRuns", "~", "taskInstances"]:
                return self._updated(dict(request.query))
        reply = super()._reply(replace(request, path=f"/api/v2{path}"))
        return replace(reply, body=_told_by_v1(reply.body))

    def _updated(self, query: Mapping[str, str]) -> Reply:
        since = datetime.fromisoformat(query["updated_at_gte"])
        until = datetime.fromisoformat(query.get("updated_at_lte", "9999-01-01T00:00:00Z"))
        rows = [
            row
            for run in self.runs
            for row in self._tasks_of(run)
            if since <= max(run.updated_at, run.tasks_updated_at or run.updated_at) <= until
        ]
        if since != until:
            self.chance.shuffle(rows)
        begin = int(query.get("offset", 0))
        page = rows[begin : begin + min(int(query["limit"]), _LARGEST_PAGE)]
        return Reply({"task_instances": page, "total_entries": len(rows)})

    def _batch(self, request: Request) -> Reply:
        if "order_by" in request.body:
            return Reply({"detail": "Unknown field"}, status=400)
        chosen = {**request.body, "page_offset": request.body.get("page_offset", 0)}
        return super()._batch(replace(request, body=chosen))


def _refuse(request: Request) -> Reply | None:
    """What it says where there is nothing of the kind, or somebody may not ask, or not so."""
    if not request.path.startswith("/api/v1"):
        return Reply({"title": "Not Found", "status": 404}, status=404)
    login = b64encode(f"anna:{PASSWORD}".encode()).decode()
    sent = request.headers.get("authorization", request.headers.get("Authorization"))
    if request.path != "/api/v1/version" and sent not in {f"Basic {login}", f"Bearer {PASSWORD}"}:
        return Reply({"title": "Forbidden", "status": 403}, status=403)
    unknown = _UNKNOWN & {name for name, _ in request.query}
    if unknown:
        return Reply({"detail": f"Extra query parameter(s) {unknown} not in spec"}, status=400)
    return None


def _told_by_v1(body: Any) -> Any:
    if not isinstance(body, Mapping):
        return body
    if "continuation_token" in body:
        return simulated_log.told_by_v1(body)
    if "dags" in body:
        return {**body, "dags": [_dag(row) for row in body["dags"]]}
    return _dag(body) if "timetable_summary" in body else body


def _dag(row: Mapping[str, Any]) -> Mapping[str, Any]:
    summary = row["timetable_summary"]
    told = {name: value for name, value in row.items() if name not in _ONLY_IN_3}
    interval = row.get("schedule_interval")
    if interval is None and summary is not None:
        interval = {"__type": "CronExpression", "value": summary}
    return {
        **told,
        "file_token": row["dag_id"],
        "schedule_interval": interval,
        "next_dagrun_create_after": row.get("next_dagrun_run_after"),
    }


_ONLY_IN_3 = frozenset(
    {"timetable_summary", "next_dagrun_run_after", "latest_dag_version", "asset_expression"}
)
