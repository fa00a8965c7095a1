"""Attempts before the last: each is asked for once, and never too many at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import RunKey, TaskRun
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.airflow.attempts import MOST_AT_ONCE, EarlierAttempts
from meta_orch.orchestrators.airflow.parse import Place
from meta_orch.orchestrators.base import ServerFailed
from meta_orch_tests.orchestrators.airflow.servers import adapter_in_memory
from meta_orch_tests.support.loopback import Reply, Request

PLACE = Place("airflow_test", "http://airflow.example")


@dataclass
class Tries:
    """An Airflow that gives every attempt up to the second, and fails at some tasks."""

    asked: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def answer(self, request: Request) -> Reply:
        if request.path == "/api/v2/version":
            return Reply({"version": "3.3.2"}, headers={"Date": "Mon, 02 Mar 2026 12:00:00 GMT"})
        self.asked.append(request.path.removeprefix("/api/v2/dags/orders/dagRuns/"))
        *_, task = request.path.removesuffix("/tries").split("/taskInstances/")
        if task in self.broken:
            return Reply(status=500)
        about = {"dag_id": "orders", "dag_run_id": "run", "task_id": task}
        rows = [
            {**about, "try_number": number, "state": "failed", "map_index": -1} for number in (1, 2)
        ]
        return Reply({"task_instances": rows, "total_entries": 2})


def task_run(task: str, attempt: int, map_index: int | None = None) -> TaskRun:
    run = RunKey(PipelineKey("airflow_test", "orders"), "run")
    name = task if map_index is None else f"{task}[{map_index}]"
    return TaskRun(run, task, name, RunState.FAILED, "failed", attempt, map_index=map_index)


def test_what_was_tried_once_is_not_asked_for() -> None:
    airflow = Tries()
    api = adapter_in_memory(airflow.answer)._connected()
    assert EarlierAttempts().read(api, PLACE, [task_run("load", 1)]) == []
    assert airflow.asked == []


def test_the_attempts_before_the_last_are_read_once_for_each_new_one() -> None:
    airflow = Tries()
    api = adapter_in_memory(airflow.answer)._connected()
    earlier = EarlierAttempts()
    (first,) = earlier.read(api, PLACE, [task_run("load", 2)])
    assert (first.task, first.attempt, first.state) == ("load", 1, RunState.FAILED)
    assert earlier.read(api, PLACE, [task_run("load", 2)]) == []
    assert [t.attempt for t in earlier.read(api, PLACE, [task_run("load", 3)])] == [1, 2]
    assert airflow.asked == ["run/taskInstances/load/tries"] * 2


def test_a_mapped_task_is_asked_for_by_its_index() -> None:
    airflow = Tries()
    api = adapter_in_memory(airflow.answer)._connected()
    EarlierAttempts().read(api, PLACE, [task_run("square", 2, map_index=7)])
    assert airflow.asked == ["run/taskInstances/square/7/tries"]


def test_of_a_great_many_the_rest_comes_the_next_time() -> None:
    airflow = Tries()
    api = adapter_in_memory(airflow.answer)._connected()
    earlier = EarlierAttempts()
    many = [task_run(f"task_{number}", 2) for number in range(MOST_AT_ONCE + 1)]
    assert len(earlier.read(api, PLACE, many)) == MOST_AT_ONCE
    assert len(earlier.read(api, PLACE, many)) == 1
    assert earlier.read(api, PLACE, many) == []


def test_what_could_not_be_read_is_asked_for_again() -> None:
    airflow = Tries(broken={"load"})
    api = adapter_in_memory(airflow.answer)._connected()
    earlier = EarlierAttempts()
    with pytest.raises(ServerFailed):
        earlier.read(api, PLACE, [task_run("load", 2)])
    airflow.broken.clear()
    assert len(earlier.read(api, PLACE, [task_run("load", 2)])) == 1
