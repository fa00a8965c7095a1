"""Doing things to orchestrators so that each is on record: before it is done, and with what came of
it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from meta_orch.domain.actions import Action, ActionKind, Outcome
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.orchestrators.base import OrchestratorError
from meta_orch.store import Store

ACTIVE, PAUSED = "active", "paused"
"""What a pipeline is before and after."""


@dataclass(frozen=True)
class Actor:
    """Acts on behalf of somebody.

    Args:
        by: who wants it.
        through: what does it: a sensor, a Dagster run or a command.
        clock: gives the time as aware UTC.
    """

    store: Store
    by: str
    through: str
    clock: Callable[[], datetime]

    def act(
        self,
        action_id: str,
        kind: ActionKind,
        pipeline: PipelineKey,
        do: Callable[[], str],
        *,
        reason: str,
        before: str | None = None,
        undoes: str | None = None,
        is_dry_run: bool = False,
    ) -> Action:
        """Do it, and keep what came of it.

        Args:
            action_id: the same for what is the same action, tried again.
            do: does it, and says what the pipeline is then. It is not called in a dry run.

        Raises:
            OrchestratorError: it was not done, or the answer did not come. That is on record.
        """
        action = Action(
            id=action_id,
            kind=kind,
            pipeline=pipeline,
            reason=reason,
            by=self.by,
            through=self.through,
            at=self.clock(),
            outcome=Outcome.DRY_RUN if is_dry_run else Outcome.BEGUN,
            before=before,
            undoes=undoes,
        )
        self._save(action)
        if is_dry_run:
            return action
        try:
            done = replace(action, outcome=Outcome.DONE, after=do())
        except OrchestratorError as error:
            self._save(replace(action, outcome=Outcome.FAILED, message=str(error)))
            raise
        self._save(done)
        return done

    def _save(self, action: Action) -> None:
        with self.store.write() as writer:
            writer.save_action(action)
