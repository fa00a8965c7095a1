"""The runs that led to a run, across orchestrators, as the nodes of a graph."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from meta_orch.analytics.critical_paths.graph import Node, TaskGraph
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import Window
from meta_orch.store import StoreReader

_SAME = timedelta(days=1)
"""What ended longer before a run began was not of its day."""


class RunGraphs:
    """Args:
    runs: of the pipelines that may have led to others; those that succeeded count.
    upstream: the pipelines that one depends on.
    """

    def __init__(
        self, runs: Iterable[Run], upstream: Callable[[AssetPath], Iterable[AssetPath]]
    ) -> None:
        self._upstream = upstream
        ended: defaultdict[AssetPath, list[tuple[datetime, Run]]] = defaultdict(list)
        for run in runs:
            if run.state is RunState.SUCCEEDED and run.started_at and run.ended_at:
                ended[run.key.pipeline.path].append((run.ended_at, run))
        self._ended = {
            path: sorted(found, key=lambda pair: (pair[0], pair[1].key))
            for path, found in ended.items()
        }

    def of(self, pipeline: PipelineKey, most: int) -> Iterator[TaskGraph]:
        """Of its last runs, the last first: each with the last run of each upstream pipeline that
        had ended when it began, and theirs. The day begins when the first of them was due."""
        for _, run in self._ended.get(pipeline.path, [])[: -most - 1 : -1]:
            yield self._graph(run)

    def _graph(self, run: Run) -> TaskGraph:
        nodes: dict[str, Node] = {}
        due: list[datetime] = []
        ahead = [run]
        while ahead:
            at = ahead.pop()
            if _id(at) in nodes:
                continue
            before = [*self._before(at)]
            ahead += before
            nodes[_id(at)] = _node(at, before)
            if not before and at.due_at and at.started_at:
                due.append(min(at.due_at, at.started_at))
        return TaskGraph([*nodes.values()], min(due, default=None))

    def _before(self, run: Run) -> Iterator[Run]:
        begun = run.started_at
        for path in self._upstream(run.key.pipeline.path):
            ended = self._ended.get(path, [])
            place = bisect_right(ended, begun, key=lambda pair: pair[0]) if begun else 0
            if place and begun and begun - ended[place - 1][0] <= _SAME:
                yield ended[place - 1][1]


def _id(run: Run) -> str:
    return f"{run.key.pipeline}\n{run.key.run_id}"


def _node(run: Run, before: Iterable[Run]) -> Node:
    assert run.started_at is not None  # noqa: S101  # only such are kept
    assert run.ended_at is not None  # noqa: S101
    is_scheduled = run.trigger is RunTrigger.SCHEDULE
    return Node(
        _id(run),
        str(run.key.pipeline),
        run.started_at,
        max(run.started_at, run.ended_at),
        min(run.queued_at, run.started_at) if run.queued_at else None,
        frozenset(map(_id, before)),
        min(run.due_at, run.started_at) if run.due_at and is_scheduled else None,
    )


def graphs_across(
    reader: StoreReader, graph: GateMap, pipeline: PipelineKey, within: Window, most: int
) -> tuple[TaskGraph, ...]:
    """Of a pipeline's last successful runs that ended then, across orchestrators, the last first.
    What ended earlier did not lead to them."""
    paths = {pipeline.path, *graph.lineage.upstream(pipeline.path)}
    keys = [graph.pipelines[path] for path in sorted(paths) if path in graph.pipelines]
    runs = [
        run
        for run in reader.traces.runs_since(keys, within.start)
        if run.ended_at is not None and run.ended_at in within
    ]

    def upstream(path: AssetPath) -> list[AssetPath]:
        return [edge.upstream for edge in graph.lineage.into(path)]

    return tuple(RunGraphs(runs, upstream).of(pipeline, most))
