"""Critical paths of many runs taken together: what usually decides when a pipeline ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import mean
from typing import Self

from meta_orch.analytics.critical_path import TaskGraph
from meta_orch.analytics.durations import median

FASTER = 0.3
"""How much faster a task is in `PathShare.saves`: a third or so, for comparing them."""
_NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class PathShare:
    """A task, over the runs that it ran in."""

    task: str
    """Its runs of one run, where it is mapped, are taken together."""
    runs: int
    on_path: float
    """The share of those runs whose critical path it was on, from 0 to 1."""
    executed: timedelta
    """Of the critical path, on average over all runs that were looked at."""
    held_up: timedelta
    """The same for what it was queued, and waited after the task before it had ended."""
    slack: timedelta
    """The median of how much longer it could have taken."""
    saves: timedelta
    """How much sooner the pipeline would end if it were `FASTER`, on average over all runs."""


@dataclass(frozen=True, slots=True)
class PathReport:
    runs: int
    makespan: timedelta
    """On average, and so below; the three together are this."""
    executed: timedelta
    queued: timedelta
    waited: timedelta
    tasks: tuple[PathShare, ...]
    """The one that would save most first."""

    @classmethod
    def nothing(cls) -> Self:
        """Of runs of which no task is known."""
        return cls(0, _NOTHING, _NOTHING, _NOTHING, _NOTHING, ())


def path_report(graphs: Sequence[TaskGraph]) -> PathReport:
    """Raises `ValueError` where there are no graphs."""
    if not graphs:
        raise ValueError("no runs, no report")
    paths = [graph.critical_path() for graph in graphs]
    seen: defaultdict[str, list[_Seen]] = defaultdict(list)
    for graph, path in zip(graphs, paths, strict=True):
        slack, steps = graph.slack(), {step.node.id: step for step in path.steps}
        of_task: defaultdict[str, list[str]] = defaultdict(list)
        for id_, node in graph.nodes.items():
            of_task[node.name.partition("[")[0]].append(id_)
        for task, ids in of_task.items():
            on_path = [steps[id_] for id_ in ids if id_ in steps]
            sooner = {id_: graph.nodes[id_].duration * (1 - FASTER) for id_ in ids}
            seen[task].append(
                _Seen(
                    bool(on_path),
                    sum((step.executed for step in on_path), _NOTHING),
                    sum((step.waited + step.queued for step in on_path), _NOTHING),
                    min(slack[id_] for id_ in ids),
                    max(_NOTHING, path.makespan - graph.makespan_if(sooner)),
                )
            )
    count = len(graphs)
    shares = (
        PathShare(
            task,
            len(found),
            mean(each.is_on_path for each in found),
            _sum(each.executed for each in found) / count,
            _sum(each.held_up for each in found) / count,
            median(each.slack for each in found),
            _sum(each.saves for each in found) / count,
        )
        for task, found in seen.items()
    )
    return PathReport(
        count,
        _sum(path.makespan for path in paths) / count,
        _sum(path.executed for path in paths) / count,
        _sum(path.queued for path in paths) / count,
        _sum(path.waited for path in paths) / count,
        tuple(sorted(shares, key=lambda share: (-share.saves, -share.executed, share.task))),
    )


def saved_if_earlier(graphs: Sequence[TaskGraph], by: timedelta) -> Mapping[str, timedelta]:
    """How much sooner the runs would have ended, on average over all, if one task of them had begun
    so much earlier; by task. What it waited for must have ended all the same."""
    saved: defaultdict[str, timedelta] = defaultdict(timedelta)
    for graph in graphs:
        makespan = graph.makespan_if()
        of_task: defaultdict[str, list[str]] = defaultdict(list)
        for id_, node in graph.nodes.items():
            of_task[node.name.partition("[")[0]].append(id_)
        for task, ids in of_task.items():
            earlier = dict.fromkeys(ids, by)
            saved[task] += (makespan - graph.makespan_if(earlier=earlier)) / len(graphs)
    return saved


@dataclass(frozen=True, slots=True)
class _Seen:
    """A task in one run."""

    is_on_path: bool
    executed: timedelta
    held_up: timedelta
    slack: timedelta
    saves: timedelta


def _sum(durations: Iterable[timedelta]) -> timedelta:
    return sum(durations, _NOTHING)
