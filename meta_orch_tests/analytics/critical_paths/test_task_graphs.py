"""Runs as graphs of their tasks, and many of them taken together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.analytics.critical_paths.batches import batches
from meta_orch.analytics.critical_paths.report import path_report
from meta_orch.analytics.critical_paths.task_graphs import run_batch, task_graph
from meta_orch.domain.pipelines import Task
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.states import RunState
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run, make_task_run
from meta_orch_tests.store.memory import fresh_store

RUN = make_run(started_at=NOON, ended_at=NOON + timedelta(minutes=20))
TASKS = (
    Task("extract"),
    Task("check", upstream=("extract",)),
    Task("load", upstream=("check",)),
)


def ran(task: str, start: float, end: float | None, **fields: Any) -> TaskRun:
    """Minutes after noon."""
    ended_at = None if end is None else NOON + timedelta(minutes=end)
    return make_task_run(
        task, RUN, started_at=NOON + timedelta(minutes=start), ended_at=ended_at, **fields
    )


def path(*task_runs: TaskRun, tasks: tuple[Task, ...] = TASKS) -> list[str]:
    graph = task_graph(RUN, task_runs, tasks)
    assert graph is not None
    return [step.node.name for step in graph.critical_path().steps]


def test_who_waits_for_whom_is_what_the_pipeline_says() -> None:
    assert path(ran("extract", 0, 5), ran("check", 5, 6), ran("load", 7, 20)) == [
        *("extract", "check", "load"),
    ]


def test_or_what_the_task_runs_say() -> None:
    first = ran("add", 0, 5)
    second = ran("double", 5, 9, upstream_task_run_ids=(first.task_run_id,))
    assert path(first, second, tasks=()) == ["add", "double"]


def test_a_task_that_was_tried_again_is_one_from_first_to_last() -> None:
    graph = task_graph(RUN, [ran("extract", 8, 10, attempt=2), ran("extract", 0, 5)], TASKS)
    assert graph is not None
    (node,) = graph.nodes.values()
    assert node.duration == timedelta(minutes=10)


def test_what_was_skipped_is_passed_through() -> None:
    skipped = make_task_run("check", RUN, RunState.SKIPPED, started_at=None, ended_at=None)
    assert path(ran("extract", 0, 5), skipped, ran("load", 7, 20)) == ["extract", "load"]


def test_the_runs_of_a_mapped_task_are_nodes_of_their_own() -> None:
    squares = [
        ran("extract", 0, end, map_index=number, task_run_id=f"extract[{number}]")
        for number, end in enumerate((3, 9, 5))
    ]
    assert path(*squares, ran("check", 10, 11)) == ["extract[1]", "check"]


def test_a_run_without_tasks_that_ran_has_no_graph() -> None:
    assert task_graph(RUN, [], TASKS) is None
    assert task_graph(RUN, [ran("extract", 0, None)], TASKS) is None


def test_of_many_runs_it_is_told_how_often_a_task_decided_and_what_it_would_save() -> None:
    usual = [ran("extract", 0, 10), ran("side", 0, 4), ran("load", 11, 20)]
    unusual = [ran("extract", 0, 10), ran("side", 0, 30), ran("load", 31, 40)]
    tasks = (Task("extract"), Task("side"), Task("load", upstream=("extract", "side")))
    found = [task_graph(RUN, runs, tasks) for runs in (usual, usual, usual, unusual)]
    report = path_report(batches(graph for graph in found if graph))
    assert (report.runs, report.makespan) == (4, timedelta(minutes=25))
    assert report.executed + report.queued + report.waited == report.makespan
    by_task = {share.task: share for share in report.tasks}
    assert (by_task["extract"].on_path, by_task["side"].on_path) == (0.75, 0.25)
    assert by_task["load"].saves == timedelta(minutes=2.7)
    # Thirty per cent of ten minutes in three of four runs; the side task's nine minutes in one.
    assert by_task["extract"].saves == timedelta(minutes=3 * 3 / 4)
    assert by_task["side"].saves == timedelta(minutes=9 / 4)
    assert report.tasks[0].task == "load"
    assert by_task["side"].slack == timedelta(minutes=6)


@st.composite
def task_runs(draw: st.DrawFn, run: Run) -> list[TaskRun]:
    """Attempts, some tried again, skipped, mapped or without a time; some say what they waited
    for, one that nobody knows among it."""
    found: list[TaskRun] = []
    for number in range(draw(st.integers(0, 6))):
        task = draw(st.sampled_from([task.name for task in TASKS]))
        upstream = draw(st.sets(st.sampled_from(["gone", *(other.task_run_id for other in found)])))
        index = draw(st.none() | st.integers(0, 11))
        for attempt in range(1, draw(st.integers(1, 3)) + 1):
            start, end = (draw(st.none() | st.integers(0, 30)) for _ in range(2))
            begun = run.started_at
            assert begun is not None
            found.append(
                make_task_run(
                    task,
                    run,
                    task_run_id=f"{number}",
                    map_index=index,
                    attempt=attempt,
                    upstream_task_run_ids=tuple(sorted(upstream)),
                    queued_at=draw(st.none() | st.just(begun)),
                    started_at=None if start is None else begun + timedelta(minutes=start),
                    ended_at=None if end is None else begun + timedelta(minutes=end),
                )
            )
    return found


@settings(max_examples=40)
@given(st.data())
def test_read_together_from_the_store_they_say_what_each_run_says(data: st.DataObject) -> None:
    pipeline = make_pipeline("orders", INSTANCE, tasks=TASKS)
    runs = [
        replace(RUN, key=RunKey(pipeline.key, f"{number}"), ended_at=NOON + timedelta(hours=number))
        for number in range(1, 4)
    ]
    drawn = [each for run in runs for each in data.draw(task_runs(run))]
    with fresh_store() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((pipeline,), "1"), NOON)
        writer.save_changes(INSTANCE, Changes("c", tuple(runs), tuple(drawn)), NOON)
        one_by_one = [
            graph
            for run, found in writer.traces.last_runs([pipeline.key], most=2)
            if (graph := task_graph(run, found, TASKS))
        ]
        shaped = [*writer.traces.shaped_runs([pipeline.key], most=2)]
    together = [batch for alike in shaped if (batch := run_batch(alike, TASKS))]
    assert sum(len(alike.began_at) for alike in shaped) == 2
    assert max(alike.ended_until for alike in shaped) == runs[-1].ended_at
    assert sum(map(len, together)) == len(one_by_one)
    if one_by_one:
        assert path_report(together) == path_report(batches(one_by_one))


def test_without_runs_there_is_no_report() -> None:
    with pytest.raises(ValueError, match="no runs"):
        path_report([])
