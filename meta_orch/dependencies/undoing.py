"""Taking back what was done."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from meta_orch.dependencies.acting import ACTIVE, PAUSED, Actor
from meta_orch.domain.actions import Action, ActionKind, Outcome
from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.holds import HoldState
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.runs import RunKey
from meta_orch.orchestrators.base import CancelsRuns, Orchestrator, PausesPipelines
from meta_orch.store import Store

_UNDOINGS = UUID("5d0e6c1a-7f0f-4d0f-8d86-9d3f5a0f7b7c")


class CannotUndo(MetaOrchError):
    """There is nothing to take back, or no way to. The text says which."""


def undo(
    action: Action,
    pipeline: Pipeline,
    orchestrator: Orchestrator,
    actor: Actor,
    reason: str,
) -> Action:
    """Take an action back: a pipeline that was paused is resumed and not held again for the same
    run, one that was resumed is paused, a run that was started is canceled.

    Raises:
        CannotUndo: it was not done, or is one that cannot be taken back.
        OrchestratorError: the orchestrator does not do it; that is on record.
    """
    if action.outcome is not Outcome.DONE:
        raise CannotUndo(f"{action.id} is {action.outcome.value}: there is nothing to take back")
    undoing = str(uuid5(_UNDOINGS, action.id))
    match action.kind:
        case ActionKind.PAUSE | ActionKind.RESUME:
            if not isinstance(orchestrator, PausesPipelines):
                raise CannotUndo(f"{orchestrator.type} has no way to pause a pipeline from here")
            is_paused = action.kind is ActionKind.RESUME

            def set_back() -> str:
                orchestrator.set_paused(pipeline, is_paused=is_paused)
                return PAUSED if is_paused else ACTIVE

            kind = ActionKind.PAUSE if is_paused else ActionKind.RESUME
            before = ACTIVE if is_paused else PAUSED
            done = actor.act(
                undoing,
                kind,
                action.pipeline,
                set_back,
                reason=reason,
                before=before,
                undoes=action.id,
            )
            if not is_paused:  # not before: what is still paused must still be let go
                _end_hold(actor.store, pipeline, actor.clock(), f"{actor.by}: {reason}")
            return done
        case ActionKind.START_RUN if action.after is not None:
            if not isinstance(orchestrator, CancelsRuns):
                raise CannotUndo(f"{orchestrator.type} has no way to cancel a run from here")
            run = RunKey(action.pipeline, action.after)

            def cancel() -> str:
                orchestrator.cancel_run(run)
                return run.run_id

            return actor.act(
                undoing,
                ActionKind.CANCEL_RUN,
                action.pipeline,
                cancel,
                reason=reason,
                before=run.run_id,
                undoes=action.id,
            )
        case _:
            raise CannotUndo(f"what was done is `{action.kind.value}`, which cannot be taken back")


def _end_hold(store: Store, pipeline: Pipeline, now: datetime, because: str) -> None:
    with store.write() as writer:
        hold = writer.last_holds(pipeline.key.instance).get(pipeline.key)
        if hold is not None and hold.state.is_open:
            writer.save_hold(
                replace(hold, state=HoldState.ENDED_BY_HAND, ended_at=now, ended_because=because)
            )
