"""What is new about a run that is followed, in lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from meta_orch.domain.runs import Run, TaskRun
from meta_orch.domain.words import describe_duration


@dataclass
class News:
    """Remembers what was told."""

    _told: dict[tuple[str, int], str] = field(default_factory=dict)

    def lines(self, run: Run, task_runs: Iterable[TaskRun]) -> Iterator[str]:
        """A line for each state that the run or one of its task runs has come to since."""
        for task_run in sorted(task_runs, key=_when):
            if self._is_new(
                f"task {task_run.task_run_id}", task_run.attempt, task_run.native_state
            ):
                attempt = f", attempt {task_run.attempt}" if task_run.attempt > 1 else ""
                index = f"[{task_run.map_index}]" if task_run.map_index is not None else ""
                yield f"{task_run.task}{index}: {task_run.native_state}{attempt}{_took(task_run)}"
        if self._is_new("run", run.attempt, run.native_state):
            said = f": {run.message}" if run.message else ""
            yield f"The run is {run.native_state}{_took(run)}{said}"

    def _is_new(self, what: str, attempt: int, state: str) -> bool:
        if self._told.get((what, attempt)) == state:
            return False
        self._told[what, attempt] = state
        return True


def _when(task_run: TaskRun) -> tuple[bool, datetime | None, str]:
    """By the last that is known to have happened; what has not begun comes last."""
    at = task_run.ended_at or task_run.started_at or task_run.queued_at
    return at is None, at, task_run.task


def _took(run: Run | TaskRun) -> str:
    if run.started_at is None or run.ended_at is None:
        return ""
    return f" after {describe_duration(run.ended_at - run.started_at)}"
