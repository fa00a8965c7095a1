"""Which runs there are, for comparing.

Dagster filters runs by when they were last updated, which is not before they ended. So what is
listed is more than what ended in a window, and is not counted: that would cost as much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import ListedRun, RunDetails
from meta_orch.domain.runs import RunKey
from meta_orch.domain.time import Window
from meta_orch.orchestrators.dagster.changes import OVERLAP
from meta_orch.orchestrators.dagster.rows import Source, to_run, to_task_runs

_LISTED = 500
"""Runs on a page without their steps."""
_IN_FULL = 50


@dataclass(frozen=True, slots=True)
class RunLister:
    instance: str
    source: Source

    def list_ended_runs(
        self, pipelines: Collection[Pipeline], ended: Window
    ) -> Iterator[ListedRun]:
        for pipeline in sorted(pipelines, key=lambda pipeline: pipeline.key):
            yield from self._of_pipeline(pipeline.key, ended)

    def _of_pipeline(self, pipeline: PipelineKey, ended: Window) -> Iterator[ListedRun]:
        job = pipeline.name.rpartition("/")[2]
        before: str | None = None
        while True:
            rows = self.source.list_runs(
                job, updated_after=ended.start - OVERLAP, before=before, limit=_LISTED
            )
            for row in rows:
                is_wanted = row.pipeline_name == pipeline.name and not row.is_mirrored
                if is_wanted and row.ended_at is not None and row.ended_at in ended:
                    yield ListedRun(RunKey(pipeline, row.run_id), row.status, row.ended_at)
            if len(rows) < _LISTED:
                return
            before = rows[-1].run_id

    def read_runs(self, runs: Collection[RunKey]) -> RunDetails:
        keys = {run.run_id: run for run in sorted(runs)}
        ids = list(keys)
        rows = [
            row
            for start in range(0, len(ids), _IN_FULL)
            for row in self.source.read_runs_by_id(ids[start : start + _IN_FULL])
        ]
        url = self.source.run_url
        return RunDetails(
            tuple(to_run(row, keys[row.run_id], url(row.run_id)) for row in rows),
            tuple(
                task_run
                for row in rows
                for task_run in to_task_runs(row, keys[row.run_id], url(row.run_id))
            ),
        )
