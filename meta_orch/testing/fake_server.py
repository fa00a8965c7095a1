"""The server of the orchestrator in memory, as tests change it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from meta_orch.domain.logs import LogLine
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.states import RunState


@dataclass(frozen=True)
class Record:
    """A run as the fake keeps it. `sequence` grows with every change of any run."""

    run: Run
    task_runs: tuple[TaskRun, ...]
    sequence: int


@dataclass
class _State:
    now: datetime
    pipelines: dict[PipelineKey, Pipeline] = field(default_factory=dict)
    sources: dict[PipelineKey, str] = field(default_factory=dict)
    records: dict[RunKey, Record] = field(default_factory=dict)
    earlier: dict[RunKey, tuple[TaskRun, ...]] = field(default_factory=dict)
    """Attempts before the last, by run."""
    logs: dict[RunKey, list[LogLine]] = field(default_factory=dict)
    sequence: int = 0
    """Of the last change of any run."""


class FakeServer:
    """What tests do to the server, and what they look at.

    Args:
        now: the clock at the start; it stands still until `advance`.
    """

    def __init__(self, instance: str, now: datetime) -> None:
        self.instance = instance
        self._state = _State(now)

    @property
    def now(self) -> datetime:
        """The server's clock."""
        return self._state.now

    def advance(self, by: timedelta) -> datetime:
        self._state.now += by
        return self._state.now

    def add_pipeline(
        self, pipeline: Pipeline | str, *, source: str | None = None, **fields: Any
    ) -> Pipeline:
        """Add or replace a pipeline: a whole one, or a name and the fields that matter."""
        if isinstance(pipeline, str):
            pipeline = Pipeline(
                key=PipelineKey(self.instance, pipeline),
                orchestrator="fake",
                native_id=pipeline,
                version="1",
            )
        pipeline = replace(pipeline, **fields)
        self._pipelines[pipeline.key] = pipeline
        if source is not None:
            self._state.sources[pipeline.key] = source
        return pipeline

    def change_pipeline(self, name: str, **fields: Any) -> Pipeline:
        """Change fields of a pipeline and, unless it is one of them, its version."""
        old = self.pipeline(name)
        fields.setdefault("version", f"{old.version}+")
        return self.add_pipeline(old, **fields)

    def pause(self, name: str, *, is_paused: bool = True) -> Pipeline:
        old = self.pipeline(name)
        return self.change_pipeline(name, is_paused=is_paused, version=old.version)

    def remove_pipeline(self, name: str) -> None:
        """Delete a pipeline and its runs."""
        key = PipelineKey(self.instance, name)
        del self._pipelines[key]
        for run in [run for run in self._records if run.pipeline == key]:
            del self._records[run]

    def add_run(self, run: Run, task_runs: Iterable[TaskRun] = ()) -> Run:
        """Add a run, or put it in the place of one with the same key."""
        self._state.sequence += 1
        self._records[run.key] = Record(run, tuple(task_runs), self._state.sequence)
        return run

    def finish_run(
        self, key: RunKey, state: RunState = RunState.SUCCEEDED, *, ended_at: datetime | None = None
    ) -> Run:
        """End a run, and those of its task runs that have not ended, now or at `ended_at`."""
        record = self._records[key]
        ended: dict[str, Any] = {
            "state": state,
            "native_state": state.value,
            "ended_at": ended_at or self.now,
        }
        return self.add_run(
            replace(record.run, **ended),
            [t if t.state.is_terminal else replace(t, **ended) for t in record.task_runs],
        )

    def finish_task_run(self, task_run: TaskRun, state: RunState = RunState.SUCCEEDED) -> TaskRun:
        """End one task run now; its run goes on."""
        record = self._records[task_run.run]
        ended = replace(task_run, state=state, native_state=state.value, ended_at=self.now)
        self.add_run(record.run, [ended if t == task_run else t for t in record.task_runs])
        return ended

    def clear(self, key: RunKey) -> Run:
        """Let a run, with all its tasks, run again under the same key."""
        record = self._records[key]
        self._state.earlier[key] = (*self._state.earlier.get(key, ()), *record.task_runs)
        again: dict[str, Any] = {
            "state": RunState.RUNNING,
            "native_state": "running",
            "started_at": self.now,
            "ended_at": None,
        }
        return self.add_run(
            replace(record.run, **again),
            [replace(t, **again, attempt=t.attempt + 1) for t in record.task_runs],
        )

    def edit_state(self, key: RunKey, state: RunState) -> Run:
        """Set a run to another state by hand, its times unchanged."""
        record = self._records[key]
        return self.add_run(
            replace(record.run, state=state, native_state=state.value), record.task_runs
        )

    def say(self, key: RunKey, *lines: LogLine | str) -> None:
        """Add lines to the log of a run."""
        said = (LogLine(line, at=self.now) if isinstance(line, str) else line for line in lines)
        self._state.logs.setdefault(key, []).extend(said)

    def delete(self, key: RunKey) -> None:
        """Delete a run; the server keeps no trace of it."""
        del self._records[key]
        self._state.earlier.pop(key, None)

    def pipeline(self, name: str) -> Pipeline:
        """Raises `KeyError` where the server has none of that name."""
        return self._pipelines[PipelineKey(self.instance, name)]

    def run(self, key: RunKey) -> Run:
        """Raises `KeyError` where the server has no such run."""
        return self._records[key].run

    def task_runs(self, key: RunKey) -> tuple[TaskRun, ...]:
        """The last attempt of each task of a run."""
        return self._records[key].task_runs

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run as the server holds it, whatever the globs."""
        return tuple(record.run for record in self._records.values())

    @property
    def _pipelines(self) -> dict[PipelineKey, Pipeline]:
        return self._state.pipelines

    @property
    def _records(self) -> dict[RunKey, Record]:
        return self._state.records
