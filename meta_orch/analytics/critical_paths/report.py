"""Critical paths of many runs taken together: what usually decides when a pipeline ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, Self

import numpy as np

from meta_orch.analytics.critical_paths.batches import Flags, Micros, RunBatch
from meta_orch.analytics.critical_paths.graph import TaskGraph

FASTER = 0.3
"""How much faster a task is in `PathShare.saves`: a third or so, for comparing them."""
_CELLS = 4_000_000
"""Durations that are held at once, where each run is looked at with each task faster."""
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


def path_report(batches: Sequence[RunBatch]) -> PathReport:
    """Raises `ValueError` where there are no runs."""
    if not batches:
        raise ValueError("no runs, no report")
    whole = np.zeros(4)
    seen: defaultdict[str, list[_Seen]] = defaultdict(list)
    for batch in batches:
        on_path, since = batch.decided()
        began = np.maximum(batch.started_at, since)
        could = np.minimum(np.maximum(batch.queued_at, since), began)
        executed, queued, waited = (
            np.where(on_path, part, 0)
            for part in (batch.ended_at - began, began - could, could - since)
        )
        held_up, slack = queued + waited, batch.slack()
        whole += [part.sum() for part in (batch.makespan, executed, queued, waited)]
        tasks, saves = _saves(batch)
        for (task, places), saved in zip(tasks.items(), saves, strict=True):
            seen[task].append(
                _Seen(
                    np.logical_or.reduce(on_path[places], axis=0),
                    executed[places].sum(axis=0),
                    held_up[places].sum(axis=0),
                    slack[places].min(axis=0),
                    saved,
                )
            )
    runs = sum(map(len, batches))
    shares = (_share(task, found, runs) for task, found in seen.items())
    makespan, executed, queued, waited = (
        timedelta(microseconds=float(total / runs)) for total in whole
    )
    return PathReport(
        runs,
        makespan,
        executed,
        queued,
        waited,
        tuple(sorted(shares, key=lambda share: (-share.saves, -share.executed, share.task))),
    )


def _saves(batch: RunBatch) -> tuple[Mapping[str, list[int]], Micros]:
    """The nodes of each task, and how much sooner each run would end if they were faster: [task,
    run]."""
    tasks: defaultdict[str, list[int]] = defaultdict(list)
    for place, task in enumerate(batch.shape.tasks):
        tasks[task].append(place)
    at_once = max(1, _CELLS // (len(batch.shape.tasks) * len(tasks)))
    found: list[Micros] = []
    for part in batch.parts(at_once):
        durations = np.repeat(part.duration[:, np.newaxis], len(tasks), axis=1)
        for number, places in enumerate(tasks.values()):
            faster = np.rint(part.duration[places] * (1 - FASTER)).astype(np.int64)
            durations[places, number] = faster
        found.append(np.maximum(0, part.makespan - part.makespan_if(durations)))
    return tasks, np.concatenate(found, axis=1)


def _share(task: str, seen: Sequence[_Seen], of_runs: int) -> PathShare:
    on_path, executed, held_up, slack, saves = map(np.concatenate, zip(*seen, strict=True))
    return PathShare(
        task,
        on_path.size,
        float(on_path.mean()),
        timedelta(microseconds=float(executed.sum() / of_runs)),
        timedelta(microseconds=float(held_up.sum() / of_runs)),
        timedelta(microseconds=float(np.median(slack))),
        timedelta(microseconds=float(saves.sum() / of_runs)),
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


class _Seen(NamedTuple):
    """A task in runs of one shape."""

    is_on_path: Flags
    executed: Micros
    held_up: Micros
    slack: Micros
    saves: Micros
