"""The analytics on what real servers did: runs and task runs of the demonstration's Airflow 3.3,
Prefect 3.8 and Dagster, as meta_orch stored them (`recorded/demonstration.json`)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from meta_orch.analytics.critical_paths.batches import batches
from meta_orch.analytics.critical_paths.graph import TaskGraph
from meta_orch.analytics.critical_paths.report import path_report, saved_if_earlier
from meta_orch.analytics.critical_paths.task_graphs import task_graph
from meta_orch.analytics.resources.measuring import days_to_measure, measure_days
from meta_orch.config import MetaOrchConfig
from meta_orch.domain.pipelines import Pipeline, PipelineKey, Task
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import parse_instant
from meta_orch_tests.store.memory import MemoryStore, fresh_store

FILE = Path(__file__).parent / "recorded" / "demonstration.json"
RECORDED: Mapping[str, list[dict[str, Any]]] = json.loads(FILE.read_text(encoding="utf-8"))
ZERO = timedelta()


def key(row: Mapping[str, Any]) -> RunKey:
    return RunKey(PipelineKey(row["instance"], row["pipeline"]), row["run_id"])


def at(row: Mapping[str, Any], name: str) -> datetime | None:
    return parse_instant(row.get(name))


RUNS = [
    Run(
        key(row),
        RunState(row["state"]),
        row["native_state"],
        trigger=RunTrigger(row["trigger"]),
        scheduled_at=at(row, "scheduled_at"),
        queued_at=at(row, "queued_at"),
        started_at=at(row, "started_at"),
        ended_at=at(row, "ended_at"),
    )
    for row in RECORDED["runs"]
]
TASK_RUNS = [
    TaskRun(
        key(row),
        row["task"],
        row["task_run_id"],
        RunState(row["state"]),
        row["native_state"],
        attempt=row["attempt"],
        map_index=row.get("map_index"),
        pool=row.get("pool"),
        upstream_task_run_ids=tuple(row.get("upstream_task_run_ids", ())),
        queued_at=at(row, "queued_at"),
        started_at=at(row, "started_at"),
        ended_at=at(row, "ended_at"),
    )
    for row in RECORDED["task_runs"]
]


def graphs() -> Iterator[tuple[Run, TaskGraph]]:
    tasks: defaultdict[tuple[str, str], list[Task]] = defaultdict(list)
    for row in RECORDED["tasks"]:
        task = Task(row["task"], upstream=tuple(row.get("upstream", ())))
        tasks[row["instance"], row["pipeline"]].append(task)
    for run in RUNS:
        own = [task_run for task_run in TASK_RUNS if task_run.run == run.key]
        pipeline = run.key.pipeline
        graph = task_graph(run, own, tasks[pipeline.instance, pipeline.name])
        if graph is not None:
            yield run, graph


def test_it_is_of_three_orchestrators() -> None:
    assert {run.key.pipeline.instance for run in RUNS} == {"airflow", "prefect", "dagster"}
    assert len([*graphs()]) > 20


@pytest.mark.parametrize(
    ("run", "graph"), [pytest.param(*each, id=str(each[0].key.pipeline)) for each in graphs()]
)
def test_the_critical_path_of_a_run_is_its_makespan_and_slack_is_never_less_than_nothing(
    run: Run, graph: TaskGraph
) -> None:
    path = graph.critical_path()
    assert path.executed + path.queued + path.waited == path.makespan
    assert all(min(s.waited, s.queued, s.executed) >= ZERO for s in path.steps)
    assert all(slack >= ZERO for slack in graph.slack().values())
    assert graph.makespan_if() == path.makespan
    on_path = {step.node.id for step in path.steps}
    assert graph.slack()[path.steps[-1].node.id] == ZERO
    assert on_path <= graph.nodes.keys()
    if run.ended_at and run.started_at:
        # Tasks end within their run, but for the clocks of the servers that tell of them.
        assert path.makespan <= run.ended_at - run.started_at + timedelta(seconds=5)


def test_of_each_pipeline_together_nothing_saves_more_than_all_takes() -> None:
    ordered = sorted(graphs(), key=lambda pair: pair[0].key.pipeline)
    for _, of_pipeline in groupby(ordered, key=lambda pair: pair[0].key.pipeline):
        found = [graph for _, graph in of_pipeline]
        report = path_report(batches(found))
        parts = report.executed + report.queued + report.waited
        assert abs(parts - report.makespan) < timedelta(milliseconds=1)  # averages are rounded
        assert all(ZERO <= share.saves <= report.makespan for share in report.tasks)
        earlier = saved_if_earlier(found, timedelta(seconds=10))
        assert all(ZERO <= saved <= timedelta(seconds=10) for saved in earlier.values())


def test_what_was_in_use_adds_up_to_what_ran() -> None:
    keys = {run.key.pipeline for run in RUNS}
    last = max(run.ended_at for run in RUNS if run.ended_at)
    with fresh_store() as writer:
        for instance in {key.instance for key in keys}:
            pipelines = tuple(
                Pipeline(key, instance, key.name) for key in keys if key.instance == instance
            )
            runs = tuple(run for run in RUNS if run.key.pipeline.instance == instance)
            tasks = tuple(t for t in TASK_RUNS if t.run.pipeline.instance == instance)
            writer.save_catalogue(instance, Catalogue(pipelines, "1"), last)
            writer.save_changes(instance, Changes("c", runs, tasks), last)
        store = MemoryStore(writer)
        measure_days(store, MetaOrchConfig(), days_to_measure(store, MetaOrchConfig(), last), last)
        measured = writer.answer(
            "SELECT resource, sum(running_unit_seconds) FROM resource_hours "
            "WHERE kind = 'orchestrator' GROUP BY ALL"
        )
    for instance, seconds in measured.rows:
        expected = sum(
            ((run.ended_at or last) - run.started_at).total_seconds()
            for run in RUNS
            if run.key.pipeline.instance == instance and run.started_at
            if run.ended_at or not run.state.is_terminal
        )
        assert seconds == pytest.approx(expected, abs=0.01)
