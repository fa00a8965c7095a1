"""Working out again what has changed since the last time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from meta_orch.analytics.path_report import PathReport, path_report
from meta_orch.analytics.task_graphs import task_graph
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run, TaskRun
from meta_orch.store import Store

_AT_ONCE = 200
"""Pipelines that are read and saved together; what is killed in the middle goes on there."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    pipelines: int
    """Those that had new runs."""
    runs: int
    """That were looked at."""


def refresh_critical_paths(store: Store, now: datetime, *, runs: int) -> Refreshed:
    """Work out the critical path of each pipeline that has new successful runs.

    Args:
        runs: how many of its last ones are looked at.
    """
    with store.write() as writer:
        writer.traces.forget_removed()
    with store.read() as reader:
        changed = reader.traces.out_of_date()
        catalogue = {p.key: p for p in reader.pipelines()} if changed else {}
    looked_at = 0
    for keys in _batches(changed):
        with store.read() as reader:
            found = [*_reports(catalogue, reader.traces.last_runs(keys, most=runs))]
        looked_at += sum(report.runs for _, _, report in found)
        with store.write() as writer:
            writer.traces.save((_document(*each) for each in found), now)
    return Refreshed(len(changed), looked_at)


def _batches(keys: Iterable[PipelineKey]) -> Iterator[tuple[PipelineKey, ...]]:
    keys = tuple(keys)
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]


def _reports(
    catalogue: Mapping[PipelineKey, Pipeline],
    traced: Iterable[tuple[Run, tuple[TaskRun, ...]]],
) -> Iterator[tuple[PipelineKey, datetime | None, PathReport]]:
    for key, of_pipeline in groupby(traced, key=lambda found: found[0].key.pipeline):
        found = list(of_pipeline)
        tasks = catalogue[key].tasks
        graphs = [graph for run, task_runs in found if (graph := task_graph(run, task_runs, tasks))]
        report = path_report(graphs) if graphs else PathReport.nothing()
        yield key, max(run.ended_at for run, _ in found if run.ended_at), report


def _document(key: PipelineKey, ended_until: datetime | None, report: PathReport) -> dict[str, Any]:
    return {
        "instance": key.instance,
        "pipeline": key.name,
        "runs": report.runs,
        "makespan_seconds": report.makespan.total_seconds(),
        "executed_seconds": report.executed.total_seconds(),
        "queued_seconds": report.queued.total_seconds(),
        "waited_seconds": report.waited.total_seconds(),
        "ended_until": ended_until.isoformat() if ended_until else None,
        "tasks": [
            {
                "task": share.task,
                "runs": share.runs,
                "on_path": share.on_path,
                "executed_seconds": share.executed.total_seconds(),
                "held_up_seconds": share.held_up.total_seconds(),
                "slack_seconds": share.slack.total_seconds(),
                "saves_seconds": share.saves.total_seconds(),
            }
            for share in report.tasks
        ],
    }
