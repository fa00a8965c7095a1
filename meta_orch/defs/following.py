"""Following a run of another orchestrator to its end, from within a run of Dagster's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from dagster import OpExecutionContext

from meta_orch.dependencies.triggers import News
from meta_orch.domain.runs import Run, RunKey
from meta_orch.orchestrators.base import (
    ListsRuns,
    NotFound,
    Orchestrator,
    ServerFailed,
    Unreachable,
)

POLL = timedelta(seconds=5)
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

    def follow(self, key: RunKey) -> Run | None:
        """Log what becomes of a run until it has ended. None where the orchestrator has no way to
        read single runs, so that nothing can be followed.

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
                for line in self._news.lines(run, details.task_runs):
                    self.context.log.info(line)
                if run.state.is_terminal:
                    return run
            if _now() - beaten >= BEAT:
                self.beat()
                beaten = _now()
            time.sleep(POLL.total_seconds())


def _now() -> datetime:
    return datetime.now(UTC)
