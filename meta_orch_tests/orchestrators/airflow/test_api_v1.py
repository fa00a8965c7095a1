"""Airflow 2: what its API says in its own words, and its lists that have no order."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.schedules import ScheduleKind
from meta_orch.orchestrators.airflow.api import TaskInstancesPlace
from meta_orch.orchestrators.airflow.api_v1 import Airflow2Api
from meta_orch.orchestrators.base import LoginRefused, UnexpectedAnswer
from meta_orch_tests.orchestrators.airflow.servers import PASSWORD, adapter_for, adapter_in_memory
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BASIC = {"type": "basic", "username": "anna", "password": "${AIRFLOW_TEST_PASSWORD}"}


class Airflow2:
    """An Airflow 2 with some DAGs and task instances. Its lists of task instances come in another
    order each time, but for those of one instant."""

    def __init__(
        self,
        dags: Sequence[Mapping[str, Any]] = (),
        task_instances: Mapping[str, datetime] | None = None,
    ) -> None:
        """
        Args:
            task_instances: when each was updated, by its task's id.
        """
        self.dags = dags
        self.task_instances = task_instances or {}
        self.most = 100_000
        """Task instances of runs that one answer gives."""
        self.asked: list[str] = []
        self._chance = random.Random(2)  # any order will do

    def answer(self, request: Request) -> Reply:
        self.asked.append(request.path)
        reply = self._answer(request)
        date = format_datetime(NOON, usegmt=True)
        return Reply(reply.body, reply.status, {"Date": date})

    def _answer(self, request: Request) -> Reply:
        for pattern, answer in _ROUTES.items():
            match = re.fullmatch(f"/api/v1{pattern}", request.path)
            if match:
                return answer(self, request, *match.groups())
        return Reply({"title": "Not Found", "status": 404}, status=404)

    def list_dags(self, request: Request) -> Reply:
        at_work = "paused" in dict(request.query)
        chosen = [dag for dag in self.dags if not (at_work and dag["is_paused"])]
        return Reply({"dags": chosen, "total_entries": len(chosen)})

    def details(self, _: Request, dag_id: str) -> Reply:
        (found,) = [dag for dag in self.dags if dag["dag_id"] == dag_id]
        return Reply({**found, "owners": [], "timezone": "UTC"})

    def updated(self, request: Request) -> Reply:
        query = dict(request.query)
        since = datetime.fromisoformat(query["updated_at_gte"])
        until = datetime.fromisoformat(query.get("updated_at_lte", "9999-01-01T00:00:00Z"))
        found = [task for task, at in self.task_instances.items() if since <= at <= until]
        if since != until:
            self._chance.shuffle(found)
        return self._page(found, int(query.get("offset", 0)), int(query["limit"]))

    def of_runs(self, request: Request) -> Reply:
        most = min(self.most, request.body["page_limit"])
        return self._page(list(self.task_instances), 0, most)

    def _page(self, tasks: list[str], offset: int, limit: int) -> Reply:
        rows = [
            {"dag_id": "orders", "dag_run_id": "run", "task_id": task, "map_index": -1}
            for task in tasks[offset : offset + limit]
        ]
        return Reply({"task_instances": rows, "total_entries": len(tasks)})


def _empty(what: str) -> Callable[..., Reply]:
    return lambda *_: Reply({what: [], "total_entries": 0})


_ROUTES: Mapping[str, Callable[..., Reply]] = {
    "/version": lambda *_: Reply({"version": "2.11.2"}),
    "/dags": Airflow2.list_dags,
    "/dags/([^/]+)/details": Airflow2.details,
    "/dags/[^/]+/tasks": _empty("tasks"),
    "/dags/[^/]+/dagRuns": _empty("dag_runs"),
    "/datasets": _empty("datasets"),
    "/dags/~/dagRuns/~/taskInstances": Airflow2.updated,
    "/dags/~/dagRuns/~/taskInstances/list": Airflow2.of_runs,
}


def api_of(airflow: Airflow2, page_size: int = 100) -> Airflow2Api:
    adapter = adapter_in_memory(airflow.answer, page_size=page_size)
    api = adapter._connected()
    assert isinstance(api, Airflow2Api)
    return api


def dag(name: str = "orders", **fields: Any) -> Mapping[str, Any]:
    return {"dag_id": name, "is_paused": False, "owners": ["ann"], "tags": [], **fields}


# Task instances.

moments = st.integers(0, 60_000_000).map(lambda n: NOON - timedelta(hours=1, microseconds=-n))


@given(st.lists(moments, max_size=40) | st.lists(st.sampled_from([NOON, NOON - timedelta(1)])))
def test_every_task_instance_that_was_updated_is_read_whatever_the_order(
    times: list[datetime],
) -> None:
    airflow = Airflow2(task_instances={f"t{number}": at for number, at in enumerate(times)})
    api = api_of(airflow, page_size=3)
    found: set[str] = set()
    place: TaskInstancesPlace | None = None
    while True:
        page = api.task_instances_updated_since(NOON - timedelta(days=2), place)
        found |= {row.text("task_id") for row in page.rows}
        place = page.next
        if place is None:
            break
        assert TaskInstancesPlace.from_json(place.to_json()) == place
    assert found == set(airflow.task_instances)


def test_the_task_instances_of_runs_are_asked_for_again_where_one_answer_lacks_some() -> None:
    airflow = Airflow2(task_instances={f"t{number}": NOON for number in range(6_000)})
    rows = api_of(airflow).task_instances([("orders", "run")])
    assert len({row.text("task_id") for row in rows}) == 6_000
    assert len([path for path in airflow.asked if path.endswith("/list")]) == 2


def test_a_server_that_gives_no_more_than_a_page_of_them_is_an_error_and_no_endless_asking() -> (
    None
):
    airflow = Airflow2(task_instances={f"t{number}": NOON for number in range(6_000)})
    airflow.most = 100
    with pytest.raises(UnexpectedAnswer, match="gives 100 of 6000 task instances"):
        api_of(airflow).task_instances([("orders", "run")])


# The catalogue.


def schedules_of(**fields: Any) -> Any:
    adapter = adapter_in_memory(Airflow2([dag(**fields)]).answer)
    (pipeline,) = adapter.read_catalogue({}).pipelines
    return pipeline.schedules


@pytest.mark.parametrize(
    ("interval", "kind", "expression", "length"),
    [
        (
            {"__type": "CronExpression", "value": "0 4 * * *"},
            ScheduleKind.CRON,
            "0 4 * * *",
            None,
        ),
        ({"__type": "CronExpression", "value": "@once"}, ScheduleKind.ONCE, None, None),
        (
            {"__type": "TimeDelta", "days": 1, "seconds": 1800, "microseconds": 0},
            ScheduleKind.INTERVAL,
            None,
            timedelta(days=1, minutes=30),
        ),
        ({"__type": "RelativeDelta", "months": 1}, ScheduleKind.TIMETABLE, "RelativeDelta", None),
    ],
)
def test_a_schedule_is_read_from_its_interval(
    interval: Mapping[str, Any],
    kind: ScheduleKind,
    expression: str | None,
    length: timedelta | None,
) -> None:
    (schedule,) = schedules_of(schedule_interval=interval)
    assert (schedule.kind, schedule.expression, schedule.interval) == (kind, expression, length)


def test_a_schedule_on_datasets_is_told_by_their_uris() -> None:
    (schedule,) = schedules_of(
        schedule_interval={"__type": "CronExpression", "value": "Dataset"},
        dataset_expression={"any": ["s3://a", {"all": ["s3://b", {"alias": "c"}]}]},
    )
    assert schedule.kind is ScheduleKind.ASSETS
    assert schedule.expression == "s3://a or (s3://b and alias c)"


def test_before_2_9_it_is_not_told_which_datasets_start_a_dag() -> None:
    (schedule,) = schedules_of(schedule_interval={"__type": "CronExpression", "value": "Dataset"})
    assert (schedule.kind, schedule.expression) == (ScheduleKind.ASSETS, "datasets")


def test_owners_come_from_the_list_since_the_details_have_none() -> None:
    (pipeline,) = adapter_in_memory(Airflow2([dag()]).answer).read_catalogue({}).pipelines
    assert pipeline.owners == ("ann",)


def test_a_definition_is_read_again_in_its_turn_and_at_once_where_the_list_tells_of_a_change() -> (
    None
):
    airflow = Airflow2([dag(f"d{number:03}") for number in range(200)])
    adapter = adapter_in_memory(airflow.answer)
    first = adapter.read_catalogue({})
    known = {pipeline.key: pipeline for pipeline in first.pipelines}
    airflow.dags = [{**each, "description": "new"} for each in airflow.dags[:80]]
    airflow.dags += [dag(f"d{number:03}") for number in range(80, 200)]
    airflow.asked.clear()
    again = adapter.read_catalogue(known)
    read = [path for path in airflow.asked if path.endswith("/details")]
    assert {f"/api/v1/dags/d{number:03}/details" for number in range(80)} <= set(read)
    assert len(read) <= 80 + 50
    versions = {p.key.name: p.version for p in again.pipelines}
    before = {p.key.name: p.version for p in first.pipelines}
    changed = {name for name, version in versions.items() if version != before[name]}
    assert changed == {f"d{number:03}" for number in range(80)}


def test_a_quiet_fingerprint_is_two_requests() -> None:
    airflow = Airflow2([dag(), dag("paused", is_paused=True)])
    adapter = adapter_in_memory(airflow.answer)
    adapter.read_server()
    airflow.asked.clear()
    assert adapter.read_fingerprint() == "2 1"
    assert airflow.asked == ["/api/v1/dags"] * 2


# Logins.


def test_a_basic_login_sends_the_password_where_there_are_no_tokens() -> None:
    airflow = Airflow2([dag()])
    with LoopbackServer(airflow.answer) as server, adapter_for(server, login=BASIC) as adapter:
        adapter.read_fingerprint()
        adapter.read_fingerprint()
        tokens = server.asked_for("/auth/token")
        sent = {r.headers["authorization"] for r in server.asked_for("/api/v1/dags")}
    assert len(tokens) == 1
    assert sent == {f"Basic {base64.b64encode(f'anna:{PASSWORD}'.encode()).decode()}"}


def test_a_token_login_is_told_to_be_a_basic_one() -> None:
    with LoopbackServer(Airflow2().answer) as server, adapter_for(server) as adapter:
        with pytest.raises(LoginRefused, match="use a `basic` login for Airflow 2"):
            adapter.read_fingerprint()
