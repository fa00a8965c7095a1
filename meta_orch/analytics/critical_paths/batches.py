"""Runs whose graphs have one shape, as arrays: what `TaskGraph` says of one, of all at once.

Rows are nodes, columns runs. Instants are microseconds since 1970 in UTC, durations microseconds,
both int64.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from meta_orch.analytics.critical_paths.graph import Node, TaskGraph

Micros: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
UNKNOWN: Final = np.iinfo(np.int64).min
"""Of an instant. Earlier than any, so that the later of it and another is the other."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Shape:
    """What runs have in common."""

    tasks: tuple[str, ...]
    """Of each node; several of a mapped one have the same."""
    upstream: tuple[tuple[int, ...], ...]
    """The places of the nodes that each waited for."""

    def ordered(self) -> tuple[Shape, tuple[int, ...]]:
        """With the places in an order in which each is after those upstream of it. What waits for
        itself, as no run does, waits for nothing that is known."""
        try:
            order = TopologicalSorter(dict(enumerate(self.upstream))).static_order()
            return self, tuple(order)
        except CycleError:
            alone = Shape(self.tasks, ((),) * len(self.tasks))
            return alone, tuple(range(len(self.tasks)))


@dataclass(frozen=True, eq=False)
class RunBatch:
    """Runs of one shape; at least one, of at least one node."""

    shape: Shape
    began_at: Micros
    """Of each run; not after its first node."""
    started_at: Micros
    ended_at: Micros
    queued_at: Micros
    """When it began where it is not known."""
    not_before: Micros
    """`UNKNOWN` for a node that no schedule starts."""

    def __len__(self) -> int:
        return self.began_at.size

    @cached_property
    def makespan(self) -> Micros:
        return np.maximum(self.began_at, self.ended_at.max(axis=0)) - self.began_at

    @cached_property
    def duration(self) -> Micros:
        return self.ended_at - self.started_at

    @cached_property
    def _ordered(self) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
        shape, order = self.shape.ordered()
        return shape.upstream, order

    @cached_property
    def _overhead(self) -> Micros:
        """How long after it could each node began."""
        return np.stack(
            [
                started - self._ready(place, self.ended_at)
                for place, started in enumerate(self.started_at)
            ]
        )

    def _ready(self, place: int, ends: Micros) -> Micros:
        """When a node could begin, if those before it ended then; `ends` may have more axes than
        runs at its end."""
        upstream, scheduled = self._ordered[0][place], self.not_before[place]
        if not upstream:
            return np.where(scheduled == UNKNOWN, self.began_at, scheduled)
        return np.maximum(ends[list(upstream)].max(axis=0), scheduled)

    def decided(self) -> tuple[Flags, Micros]:
        """Which nodes are on the critical path, and when what was before each on it had ended; of
        others when what was before it would have."""
        upstream, order = self._ordered
        nodes, runs = self.started_at.shape
        since = np.empty_like(self.started_at)
        before = np.full((nodes, runs), -1)
        for place in range(nodes):
            since[place], before[place] = self._last(
                upstream[place], self.ended_at[place], self.began_at
            )
        on_path = np.zeros((nodes, runs), dtype=np.bool_)
        every = np.arange(runs)
        _, last = self._last(tuple(range(nodes)), self.ended_at.max(axis=0), self.began_at)
        on_path[last, every] = True
        for place in reversed(order):
            reached = on_path[place] & (before[place] >= 0)
            on_path[before[place][reached], every[reached]] = True
        return on_path, since

    def _last(
        self, places: Sequence[int], until: Micros, otherwise: Micros
    ) -> tuple[Micros, NDArray[np.intp]]:
        """Of those that had ended until then the end and the place of the last, of two the one that
        began first, of two such the first; -1 where there is none."""
        end, duration = np.full_like(until, UNKNOWN), np.full_like(until, UNKNOWN)
        chosen = np.full(until.shape, -1)
        for place in places:
            ended, took = self.ended_at[place], self.duration[place]
            later = (ended > end) | ((ended == end) & (took > duration))
            later &= ended <= until
            end = np.where(later, ended, end)
            duration = np.where(later, took, duration)
            chosen = np.where(later, place, chosen)
        return np.where(chosen < 0, otherwise, end), chosen

    def slack(self) -> Micros:
        """How much longer each node could have taken, and the run ended when it did."""
        upstream, order = self._ordered
        latest = np.broadcast_to(self.began_at + self.makespan, self.started_at.shape).copy()
        for place in reversed(order):
            may_end = latest[place] - self.duration[place] - self._overhead[place]
            for before in upstream[place]:
                np.minimum(latest[before], may_end, out=latest[before])
        return latest - self.ended_at

    def makespan_if(self, durations: Micros) -> Micros:
        """How long each run would take if its nodes took that: [node, ..., run]."""
        ends = np.empty_like(durations)
        for place in self._ordered[1]:
            ends[place] = self._ready(place, ends) + self._overhead[place] + durations[place]
        return np.maximum(self.began_at, ends.max(axis=0)) - self.began_at

    def parts(self, most: int) -> Iterator[RunBatch]:
        """Itself, so many runs at a time."""
        for start in range(0, len(self), most):
            chosen = slice(start, start + most)
            yield RunBatch(
                self.shape,
                self.began_at[chosen],
                self.started_at[:, chosen],
                self.ended_at[:, chosen],
                self.queued_at[:, chosen],
                self.not_before[:, chosen],
            )


def batches(graphs: Iterable[TaskGraph]) -> list[RunBatch]:
    """Graphs of one shape taken together. A node's task is its name without the index of a mapped
    one."""
    alike: defaultdict[Shape, list[TaskGraph]] = defaultdict(list)
    for graph in graphs:
        places = {id_: place for place, id_ in enumerate(graph.nodes)}
        shape = Shape(
            tuple(node.name.partition("[")[0] for node in graph.nodes.values()),
            tuple(
                tuple(places[id_] for id_ in graph.upstream[node.id])
                for node in graph.nodes.values()
            ),
        )
        alike[shape].append(graph)
    return [_batch(shape, found) for shape, found in alike.items()]


def _batch(shape: Shape, graphs: Sequence[TaskGraph]) -> RunBatch:
    def of_nodes(when: Callable[[Node], datetime | None]) -> Micros:
        rows = [[micros(when(node)) for node in graph.nodes.values()] for graph in graphs]
        return np.array(rows, dtype=np.int64).T

    return RunBatch(
        shape,
        np.array([micros(graph.began_at) for graph in graphs], dtype=np.int64),
        of_nodes(lambda node: node.started_at),
        of_nodes(lambda node: node.ended_at),
        of_nodes(lambda node: node.queued_at or node.started_at),
        of_nodes(lambda node: node.not_before),
    )


def micros(instant: datetime | None) -> int:
    return UNKNOWN if instant is None else (instant - _EPOCH) // _MICROSECOND
