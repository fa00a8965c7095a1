"""Working out again what has changed since the last time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from meta_orch.analytics.critical_paths.report import PathReport, path_report
from meta_orch.analytics.critical_paths.task_graphs import run_batch
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.time import Window
from meta_orch.store import Store
from meta_orch.store.tracing import ShapedRuns

_AT_ONCE = 200
"""Pipelines that are read and saved together; what is killed in the middle goes on there."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    pipelines: int
    """Those that had new runs."""
    runs: int
    """That were looked at."""
    window: Window | None
    """From the first start of their last successful runs to the last end; None without any."""


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
    starts, ends = list[datetime](), list[datetime]()
    for start in range(0, len(changed), _AT_ONCE):
        with store.read() as reader:
            found = [*reader.traces.shaped_runs(changed[start : start + _AT_ONCE], most=runs)]
        reports = [*_reports(catalogue, found)]
        looked_at += sum(report.runs for _, _, report in reports)
        starts += [datetime.fromtimestamp(min(alike.began_at) / 1e6, UTC) for alike in found]
        ends += [alike.ended_until for alike in found]
        with store.write() as writer:
            writer.traces.save((_document(*each) for each in reports), now)
    window = Window(min(starts), max(ends)) if starts else None
    return Refreshed(len(changed), looked_at, window)


def _reports(
    catalogue: Mapping[PipelineKey, Pipeline], runs: Iterable[ShapedRuns]
) -> Iterator[tuple[PipelineKey, datetime, PathReport]]:
    for key, of_pipeline in groupby(runs, key=lambda alike: alike.pipeline):
        found = [*of_pipeline]
        tasks = catalogue[key].tasks
        batches = [batch for alike in found if (batch := run_batch(alike, tasks))]
        report = path_report(batches) if batches else PathReport.nothing()
        yield key, max(alike.ended_until for alike in found), report


def _document(key: PipelineKey, ended_until: datetime, report: PathReport) -> dict[str, Any]:
    return {
        "instance": key.instance,
        "pipeline": key.name,
        "runs": report.runs,
        "makespan_seconds": report.makespan.total_seconds(),
        "executed_seconds": report.executed.total_seconds(),
        "queued_seconds": report.queued.total_seconds(),
        "waited_seconds": report.waited.total_seconds(),
        "ended_until": ended_until.isoformat(),
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
