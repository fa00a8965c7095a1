"""How many task runs a run that is under way will have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run, TaskRun
from meta_orch.domain.states import RunState
from meta_orch.testing.builders import INSTANCE, NOON, make_run, make_task_run
from meta_orch_tests.store.memory import fresh_store

LAST = make_run("last", ended_at=NOON)
NOW = make_run("now", state=RunState.RUNNING, started_at=NOON + timedelta(hours=1))


def mapped(run: Run, count: int, *, indexed: bool = True) -> list[TaskRun]:
    return [
        make_task_run(
            "page", run, map_index=n if indexed else None, task_run_id=f"{run.key.run_id} {n}"
        )
        for n in range(count)
    ]


def width(last: Sequence[TaskRun], now: Sequence[TaskRun]) -> int | None:
    with fresh_store() as writer:
        writer.save_changes(INSTANCE, Changes("c", (LAST, NOW), (*last, *now)), NOON)
        found = writer.traces.widths_so_far([NOW.key.pipeline])
    assert set(found) <= {NOW.key}
    return found.get(NOW.key)


@pytest.mark.parametrize("indexed", [True, False])
def test_it_is_told_once_the_mapped_tasks_are_there(*, indexed: bool) -> None:
    last = [make_task_run("list", LAST), *mapped(LAST, 3, indexed=indexed)]
    assert width(last, [make_task_run("list", NOW)]) is None
    assert width(last, [make_task_run("list", NOW), *mapped(NOW, 7, indexed=indexed)]) == 8


def test_an_airflow_task_that_is_not_expanded_yet_tells_nothing() -> None:
    assert width(mapped(LAST, 3), [make_task_run("page", NOW)]) is None


def test_tasks_that_have_not_come_yet_count_as_in_the_last_run() -> None:
    last = [*mapped(LAST, 3), make_task_run("mail", LAST)]
    assert width(last, mapped(NOW, 5)) == 6


def test_attempts_count_once() -> None:
    first = make_task_run("list", NOW, RunState.FAILED)
    again = make_task_run("list", NOW, RunState.RUNNING, attempt=2, ended_at=None)
    assert width([make_task_run("list", LAST)], [first, again]) == 1


def test_without_a_run_that_succeeded_it_is_not_known() -> None:
    assert width([], mapped(NOW, 5)) is None
