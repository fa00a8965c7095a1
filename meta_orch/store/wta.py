"""Traces of the Workflow Trace Archive (wta.atlarge-research.com), as runs of an instance.

Its format, version 1.0: a folder with `workflows` and `tasks` below it, each of Parquet files. A
workflow is a run, of the pipeline that its `application_name` says; a task is a task run, which
waited `wait_time` after `ts_submit`, ran for `runtime`, and came after its `parents`. Times are
milliseconds from a beginning that the trace does not say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.store.connection import Store
from meta_orch.store.errors import StoreError
from meta_orch.store.sql import query

_AT_ONCE = 1000
_UNNAMED = "workflow"
_WORKFLOW_COLUMNS = frozenset({"id", "ts_submit"})
_TASK_COLUMNS = frozenset({"id", "workflow_id", "ts_submit", "runtime", "parents"})

_Row = Mapping[str, Any]


class UnreadableTrace(StoreError):
    """A folder that holds no trace in this format."""


def import_wta(store: Store, folder: Path, instance: str, began_at: datetime) -> int:
    """Keep a trace as the runs of an instance. What is there already of it is not doubled.

    Args:
        instance: what the trace is called from here on.
        began_at: the instant that its times count from.

    Returns:
        How many runs it has.

    Raises:
        UnreadableTrace: it is no trace, or lacks a column. The text names what is missing.
    """
    files = {part: _files(folder, part) for part in ("workflows", "tasks")}
    connection = duckdb.connect()
    workflows = _read(connection, "wta_workflows", _WORKFLOW_COLUMNS, files=files["workflows"])
    names = sorted({_name(row) for row in workflows})
    pipelines = tuple(_pipeline(instance, name) for name in names)
    with store.write() as writer:
        writer.save_catalogue(instance, Catalogue(pipelines, "wta"), began_at)
    for start in range(0, len(workflows), _AT_ONCE):
        part = workflows[start : start + _AT_ONCE]
        ids = [row["id"] for row in part]
        rows = _read(connection, "wta_tasks", _TASK_COLUMNS, files=files["tasks"], workflows=ids)
        tasks: defaultdict[Any, list[_Row]] = defaultdict(list)
        for row in rows:
            tasks[row["workflow_id"]].append(row)
        runs, task_runs = [], []
        for row in part:
            run, of_run = _run(instance, row, tasks[row["id"]], began_at)
            runs.append(run)
            task_runs += of_run
        last = max(run.ended_at or began_at for run in runs)
        with store.write() as writer:
            writer.save_changes(instance, Changes("wta", tuple(runs), tuple(task_runs)), last)
    return len(workflows)


def _files(folder: Path, part: str) -> list[str]:
    found = sorted(str(file) for file in (folder / part).rglob("*.parquet"))
    if not found:
        raise UnreadableTrace(
            f"{folder} holds no trace of the Workflow Trace Archive, as no Parquet is "
            f"below {part}/: name the folder of one that has workflows/ and tasks/"
        )
    return found


def _read(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    needed: Iterable[str],
    **parameters: Any,
) -> Sequence[_Row]:
    try:
        found = connection.execute(query(name), parameters)
    except duckdb.Error as error:
        raise UnreadableTrace(f"the trace cannot be read: {error}") from error
    columns = [str(column[0]) for column in found.description or ()]
    if missing := sorted(set(needed) - set(columns)):
        raise UnreadableTrace(f"the trace lacks the columns {', '.join(missing)}")
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def _name(workflow: _Row) -> str:
    return str(workflow.get("application_name") or _UNNAMED).replace("/", "_")


def _pipeline(instance: str, name: str) -> Pipeline:
    return Pipeline(PipelineKey(instance, name), "wta", name)


def _run(
    instance: str, workflow: _Row, tasks: Iterable[_Row], began_at: datetime
) -> tuple[Run, list[TaskRun]]:
    """It begins with its first task, and ends with its last."""
    key = RunKey(PipelineKey(instance, _name(workflow)), str(workflow["id"]))
    submitted = began_at + _milliseconds(workflow["ts_submit"])
    task_runs = [*_task_runs(key, tasks, began_at)]
    started = min((t.started_at for t in task_runs if t.started_at), default=submitted)
    ended = max((t.ended_at for t in task_runs if t.ended_at), default=started)
    return (
        Run(
            key,
            RunState.SUCCEEDED,
            "completed",
            trigger=RunTrigger.UNKNOWN,
            scheduled_at=submitted,
            queued_at=min(submitted, started),
            started_at=started,
            ended_at=ended,
        ),
        task_runs,
    )


def _task_runs(run: RunKey, tasks: Iterable[_Row], began_at: datetime) -> Iterator[TaskRun]:
    for task in tasks:
        submitted = began_at + _milliseconds(task["ts_submit"])
        started = submitted + _milliseconds(task.get("wait_time"))
        yield TaskRun(
            run,
            str(task.get("type") or "task"),
            str(task["id"]),
            RunState.SUCCEEDED,
            "completed",
            scheduled_at=submitted,
            queued_at=submitted,
            started_at=started,
            ended_at=started + _milliseconds(task["runtime"]),
            upstream_task_run_ids=tuple(map(str, task["parents"] or ())),
        )


def _milliseconds(value: Any) -> timedelta:
    """Nothing for what is unknown, which the format writes as -1."""
    return timedelta(milliseconds=max(0, float(value or 0)))
