"""The tasks of a run as the nodes of a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from meta_orch.analytics.critical_path import Node, TaskGraph
from meta_orch.domain.pipelines import Task
from meta_orch.domain.runs import Run, TaskRun


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
    of_task: defaultdict[str, set[str]] = defaultdict(set)
    for id_, (first, *_) in attempts.items():
        of_task[first.task].add(id_)
    asked = {task.name: task.upstream for task in tasks}
    upstream = {
        id_: {up for task in asked.get(first.task, ()) for up in of_task[task]}
        | set(first.upstream_task_run_ids)
        for id_, (first, *_) in attempts.items()
    }
    nodes = {id_: node for id_, of in attempts.items() if (node := _node(id_, of))}
    found = [
        Node(
            node.id,
            node.name,
            node.started_at,
            node.ended_at,
            node.queued_at,
            _through(id_, upstream, nodes.keys()),
        )
        for id_, node in nodes.items()
    ]
    return TaskGraph(found, run.started_at) if found else None


def _node(id_: str, attempts: list[TaskRun]) -> Node | None:
    first, last = attempts[0], attempts[-1]
    began = [attempt for attempt in attempts if attempt.started_at and attempt.ended_at]
    if not began or last.started_at is None or last.ended_at is None:
        return None
    started_at = began[0].started_at
    assert started_at is not None  # noqa: S101  # by the line above
    index = "" if first.map_index is None else f"[{first.map_index}]"
    queued_at = began[0].queued_at
    return Node(
        id_,
        f"{first.task}{index}",
        started_at,
        max(started_at, last.ended_at),
        queued_at if queued_at is None else min(queued_at, started_at),
    )


def _through(id_: str, upstream: dict[str, set[str]], known: Iterable[str]) -> frozenset[str]:
    """What a task run waited for: through those that never ran to those that did."""
    known = set(known)
    found: set[str] = set()
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
