"""Following a run of another orchestrator to its end, from within a run of Dagster's."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from dagster import OpExecutionContext

from meta_orch.dependencies.triggers import News
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.orchestrators.base import (
    ListsRuns,
    NotFound,
    Orchestrator,
    OrchestratorError,
    ReadsLogs,
    ServerFailed,
    Unreachable,
)

POLL = timedelta(seconds=5)
LAST_LINES = timedelta(seconds=6)
"""How long after its end the last lines of a run may come: they are sent in batches."""
MOST_LINES: Final = 1_000
"""Of a run's own log, in that of Dagster's run, which is kept in a database."""
PATIENCE: Final = timedelta(minutes=30)
"""How long an orchestrator may give no answer before the run is given up; another takes it on."""
BEAT: Final = timedelta(minutes=1)
"""How often a run that follows gives a sign of life."""


@dataclass
class Follower:
    """Args:
    beat: called every minute: it is still followed.
    """

    context: OpExecutionContext
    orchestrator: Orchestrator
    beat: Callable[[], None]
    _news: News = field(default_factory=News)
    _cursor: str | None = None
    """How far its own log was read."""
    _lines: int = 0
    _reads_logs: bool = True

    def follow(self, key: RunKey) -> Run | None:
        """Log what becomes of a run, and what it logs itself, until it has ended. None where the
        orchestrator has no way to read single runs, so that nothing can be followed.

        Raises:
            NotFound: there is no such run any more.
            OrchestratorError: no answer came for half an hour, or the login is refused.
        """
        orchestrator = self.orchestrator
        if not isinstance(orchestrator, ListsRuns):
            return None
        answered = beaten = _now()
        while True:
            try:
                details = orchestrator.read_runs([key])
            except (Unreachable, ServerFailed) as error:
                if _now() - answered > PATIENCE:
                    raise
                self.context.log.warning("%s; it is asked again", error)
            else:
                answered = _now()
                if not details.runs:
                    raise NotFound(key.pipeline.instance, f"run {key.run_id} is no longer there")
                (run,) = details.runs
                self._tell(run, details.task_runs)
                if run.state.is_terminal:
                    return run
            if _now() - beaten >= BEAT:
                self.beat()
                beaten = _now()
            time.sleep(POLL.total_seconds())

    def _tell(self, run: Run, task_runs: Collection[TaskRun]) -> None:
        until = _now() + LAST_LINES
        while not self._tell_log(run, task_runs) and run.state.is_terminal and _now() < until:
            time.sleep(1)
        for line in self._news.lines(run, task_runs):
            self.context.log.info(line)

    def _tell_log(self, run: Run, task_runs: Collection[TaskRun]) -> bool:
        """What the run has logged since. Where that cannot be read, it is said once.

        Returns:
            Whether there is nothing more to come.
        """
        orchestrator = self.orchestrator
        if not self._reads_logs or not isinstance(orchestrator, ReadsLogs):
            return True
        try:
            page = orchestrator.read_log(run.key, task_runs, self._cursor)
        except OrchestratorError as error:
            self._reads_logs = False
            self.context.log.warning("Its own log is not shown: %s", error)
            return True
        self._cursor = page.cursor
        for line in page.lines:
            if self._lines == MOST_LINES:
                self._reads_logs = False
                self.context.log.warning("Its own log goes on: %s", run.url)
                return True
            self._lines += 1
            of = f"{line.task}: " if line.task else ""
            self.context.log.log(line.level, "%s%s", of, line.text)
        return page.is_whole


def _now() -> datetime:
    return datetime.now(UTC)
