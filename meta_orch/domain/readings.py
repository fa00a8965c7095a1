"""What one reading of an orchestrator gives: its catalogue, a page of changes to its runs, or the
runs that it lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.runs import Run, RunKey, TaskRun


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every pipeline of an instance that its include and exclude globs admit."""

    pipelines: tuple[Pipeline, ...]
    fingerprint: str
    """Equal to a later `read_fingerprint()` as long as nothing in it changed."""


@dataclass(frozen=True, slots=True)
class Changes:
    """One page of what happened to runs, to be stored together with `cursor`.

    Where a run or a task run stands on it twice, the later one holds."""

    cursor: str
    """Where to go on once this page is durable; opaque to everything but its adapter."""
    runs: tuple[Run, ...] = ()
    task_runs: tuple[TaskRun, ...] = ()
    gone: tuple[RunKey, ...] = ()
    """Runs that were stored as open and no longer exist on the server."""
    history_to: datetime | None = None
    """What happened up to then is still to be read, where there is much of it: the newest comes
    first. None where nothing older is left."""

    def followed_by(self, later: Changes) -> Changes:
        """This page and the next as one: storing it is the same as storing one after the other."""
        seen_again = {run.key for run in later.runs}
        return Changes(
            cursor=later.cursor,
            runs=self.runs + later.runs,
            task_runs=self.task_runs + later.task_runs,
            gone=tuple(key for key in self.gone if key not in seen_again) + later.gone,
            history_to=later.history_to,
        )


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run that has ended, as a list gives it: enough to tell whether it is the same elsewhere."""

    key: RunKey
    native_state: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class RunDetails:
    """Some runs in full, with all their task runs."""

    runs: tuple[Run, ...] = ()
    task_runs: tuple[TaskRun, ...] = ()
