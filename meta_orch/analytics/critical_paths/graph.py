"""The critical path of a run: the chain of tasks that decided when it ended.

From the task that ended last one goes back to the one that it waited for, which is the last of its
upstream tasks to end, and so on (as in Google's critical path tracing and Uber's CRISP). A task
that began before that one had ended counts from there on.

What would be otherwise if a task took another time follows from one assumption: a task begins as
long after the last of its upstream tasks has ended, and its schedule lets it, as it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from graphlib import CycleError, TopologicalSorter

_NOTHING = timedelta()
_AS_IT_WAS: Mapping[str, timedelta] = {}


@dataclass(frozen=True, slots=True)
class Node:
    """A task of a run, or whatever else has a beginning, an end and something it waited for."""

    id: str
    name: str
    started_at: datetime
    ended_at: datetime
    queued_at: datetime | None = None
    """When it could have begun, had there been room."""
    upstream: frozenset[str] = frozenset()
    """Ids. One that is not there, as it never ran, does not count."""
    not_before: datetime | None = None
    """When its own schedule let it begin, where it has one."""

    @property
    def duration(self) -> timedelta:
        return self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class Step:
    """A node on the critical path. All three together are from the end of the step before to its
    own."""

    node: Node
    waited: timedelta
    """Until it was queued, or where that is not known until it began."""
    queued: timedelta
    executed: timedelta


@dataclass(frozen=True, slots=True)
class CriticalPath:
    began_at: datetime
    ended_at: datetime
    steps: tuple[Step, ...]
    """The first first; their times together are `makespan`."""

    @property
    def makespan(self) -> timedelta:
        return self.ended_at - self.began_at

    @property
    def waited(self) -> timedelta:
        return sum((step.waited for step in self.steps), _NOTHING)

    @property
    def queued(self) -> timedelta:
        return sum((step.queued for step in self.steps), _NOTHING)

    @property
    def executed(self) -> timedelta:
        return sum((step.executed for step in self.steps), _NOTHING)


class TaskGraph:
    """The nodes of one run, with what follows from them.

    Args:
        began_at: when the run began; the first node's start where it is None, or later than that.
    """

    def __init__(self, nodes: Sequence[Node], began_at: datetime | None = None) -> None:
        """Raises `ValueError` where there are no nodes, or two of one id."""
        self.nodes = {node.id: node for node in nodes}
        if not nodes or len(self.nodes) < len(nodes):
            raise ValueError("a run needs nodes, each with an id of its own")
        first = min(node.started_at for node in nodes)
        self.began_at = first if began_at is None else min(began_at, first)
        self.ended_at = max(self.began_at, *(node.ended_at for node in nodes))
        upstream = {
            node.id: [id_ for id_ in self.nodes if id_ in node.upstream and id_ != node.id]
            for node in nodes
        }
        try:
            self._order = [*TopologicalSorter(upstream).static_order()]
        except CycleError:  # no run is like that: what waits for what is not known
            upstream = {node.id: [] for node in nodes}
            self._order = [node.id for node in nodes]
        self.upstream: Mapping[str, Sequence[str]] = upstream
        """Of each node the ids that are there of what it waited for, in the order of the nodes."""

    def critical_path(self) -> CriticalPath:
        """Of two that ended together the one that began first decided; and then the first node."""
        steps: list[Step] = []
        node = max(self.nodes.values(), key=_decisive)
        while True:
            before = [
                up
                for id_ in self.upstream[node.id]
                if (up := self.nodes[id_]).ended_at <= node.ended_at
            ]
            last = max(before, key=_decisive, default=None)
            since = last.ended_at if last else self.began_at
            started = max(node.started_at, since)
            queued = started if node.queued_at is None else min(max(node.queued_at, since), started)
            steps.append(Step(node, queued - since, started - queued, node.ended_at - started))
            if last is None:
                return CriticalPath(self.began_at, self.ended_at, tuple(reversed(steps)))
            node = last

    def slack(self) -> Mapping[str, timedelta]:
        """By id: how much longer a node could have taken, and the run ended when it did."""
        latest: dict[str, datetime] = dict.fromkeys(self.nodes, self.ended_at)
        for id_ in reversed(self._order):
            if not self.upstream[id_]:
                continue
            may_end = latest[id_] - self.nodes[id_].duration - self._overhead(id_)
            for before in self.upstream[id_]:
                latest[before] = min(latest[before], may_end)
        return {id_: latest[id_] - node.ended_at for id_, node in self.nodes.items()}

    def makespan_if(
        self,
        durations: Mapping[str, timedelta] = _AS_IT_WAS,
        earlier: Mapping[str, timedelta] = _AS_IT_WAS,
    ) -> timedelta:
        """How long the run would take if some nodes, by id, took another time, or began earlier by
        so much; not before what they waited for had ended.

        A node that waits for none may begin before the run did: what the run takes counts from the
        same beginning all the same.
        """
        ends: dict[str, datetime] = {}
        for id_ in self._order:
            begins = self._ready(id_, ends, earlier.get(id_, _NOTHING)) + self._overhead(id_)
            ends[id_] = begins + durations.get(id_, self.nodes[id_].duration)
        return max(self.began_at, *ends.values()) - self.began_at

    def _ready(self, id_: str, ends: Mapping[str, datetime], sooner: timedelta) -> datetime:
        """When a node could begin: its upstream nodes have ended, and its schedule lets it.

        Args:
            sooner: how much earlier it is let; where it has no schedule, what it began later than
                it could is taken away instead, as far as there is any.
        """
        last = max((ends[up] for up in self.upstream[id_]), default=None)
        scheduled = self.nodes[id_].not_before
        if scheduled is not None:
            return max(scheduled - sooner, last or scheduled - sooner)
        if last is None:
            return self.began_at - sooner
        return last - (min(sooner, max(self._overhead(id_), _NOTHING)) if sooner else _NOTHING)

    def _overhead(self, id_: str) -> timedelta:
        """How long after it could it began; less than nothing where it did not wait for the end of
        what is upstream of it."""
        ends = {up: self.nodes[up].ended_at for up in self.upstream[id_]}
        return self.nodes[id_].started_at - self._ready(id_, ends, _NOTHING)


def _decisive(node: Node) -> tuple[datetime, timedelta]:
    return node.ended_at, node.duration
