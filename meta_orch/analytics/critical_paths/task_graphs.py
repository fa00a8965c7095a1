"""The tasks of a run as the nodes of a graph: of one run, and of many that are alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import numpy as np

from meta_orch.analytics.critical_paths.batches import UNKNOWN, RunBatch, Shape
from meta_orch.analytics.critical_paths.graph import Node, TaskGraph
from meta_orch.domain.pipelines import Task
from meta_orch.domain.runs import Run, TaskRun
from meta_orch.store.tracing import ShapedRuns

_Id = TypeVar("_Id", int, str)


def task_graph(run: Run, task_runs: Iterable[TaskRun], tasks: Iterable[Task]) -> TaskGraph | None:
    """The graph of a run that has ended. None where no task of it is known to have begun and ended.

    A task that was tried again is one node, from its first attempt to its last. What never ran is
    none, and what comes after it waited for what came before it.

    Args:
        task_runs: every attempt.
        tasks: those of the pipeline, for who waits for whom; where the task runs themselves say
            (Prefect), that counts too.
    """
    attempts: defaultdict[str, list[TaskRun]] = defaultdict(list)
    for task_run in sorted(task_runs, key=lambda task_run: task_run.attempt):
        attempts[task_run.task_run_id].append(task_run)
    firsts = {id_: first for id_, (first, *_) in attempts.items()}

    def order(node: Node) -> tuple[str, int, datetime, str]:
        first = firsts[node.id]
        return (
            first.task,
            -1 if first.map_index is None else first.map_index,
            node.started_at,
            node.id,
        )

    nodes = sorted((node for of in attempts.values() if (node := _node(of))), key=order)
    upstream = _upstream(
        {id_: (first.task, first.upstream_task_run_ids) for id_, first in firsts.items()},
        tasks,
        [node.id for node in nodes],
    )
    found = [replace(node, upstream=upstream[node.id]) for node in nodes]
    return TaskGraph(found, run.started_at) if found else None


def run_batch(runs: ShapedRuns, tasks: Iterable[Task]) -> RunBatch | None:
    """The graphs of runs that are alike; as `task_graph`."""
    ran = [place for place, task in enumerate(runs.tasks) if task.ran]
    if not ran:
        return None
    upstream = _upstream(
        {place: (task.task, task.upstream) for place, task in enumerate(runs.tasks)}, tasks, ran
    )
    nodes = {place: node for node, place in enumerate(ran)}
    shape = Shape(
        tuple(runs.tasks[place].task for place in ran),
        tuple(tuple(sorted(nodes[up] for up in upstream[place])) for place in ran),
    )
    began_at, started_at, ended_at, queued_at = (
        np.array(times, dtype=np.int64).T
        for times in (runs.began_at, runs.started_at, runs.ended_at, runs.queued_at)
    )
    return RunBatch(
        shape,
        np.minimum(began_at, started_at.min(axis=0)),
        started_at,
        np.maximum(ended_at, started_at),
        np.minimum(queued_at, started_at),
        np.full_like(started_at, UNKNOWN),
    )


def _upstream(
    task_runs: Mapping[_Id, tuple[str, Iterable[_Id]]], tasks: Iterable[Task], ran: Collection[_Id]
) -> Mapping[_Id, frozenset[_Id]]:
    """What each task run that ran waited for: through those that never ran to those that did.

    Args:
        task_runs: of each its task, and what it says itself that it waited for.
        tasks: as they say who waits for whom.
    """
    of_task: defaultdict[str, set[_Id]] = defaultdict(set)
    for id_, (task, _) in task_runs.items():
        of_task[task].add(id_)
    asked = {task.name: task.upstream for task in tasks}
    upstream = {
        id_: {up for other in asked.get(task, ()) for up in of_task[other]} | set(said)
        for id_, (task, said) in task_runs.items()
    }
    known = set(ran)
    return {id_: _through(id_, upstream, known) for id_ in ran}


def _node(attempts: list[TaskRun]) -> Node | None:
    first, last = attempts[0], attempts[-1]
    began = [attempt for attempt in attempts if attempt.started_at and attempt.ended_at]
    if not began or last.started_at is None or last.ended_at is None:
        return None
    started_at = began[0].started_at
    assert started_at is not None  # noqa: S101  # by the line above
    index = "" if first.map_index is None else f"[{first.map_index}]"
    queued_at = began[0].queued_at
    return Node(
        first.task_run_id,
        f"{first.task}{index}",
        started_at,
        max(started_at, last.ended_at),
        queued_at if queued_at is None else min(queued_at, started_at),
    )


def _through(id_: _Id, upstream: Mapping[_Id, set[_Id]], known: set[_Id]) -> frozenset[_Id]:
    found: set[_Id] = set()
    seen = {id_}
    left = [*upstream.get(id_, ())]
    while left:
        other = left.pop()
        if other in seen:
            continue
        seen.add(other)
        if other in known:
            found.add(other)
        else:
            left += upstream.get(other, ())
    return frozenset(found)
