"""What the operation `start_run` does: ask for a run, and follow what a trigger starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from dagster import (
    DagsterExecutionInterruptedError,
    DagsterRunStatus,
    Failure,
    MetadataValue,
    OpExecutionContext,
)

from meta_orch.config import InstanceConfig
from meta_orch.defs import metadata, names
from meta_orch.defs.actions import publish_actions
from meta_orch.defs.connection import Connect
from meta_orch.defs.following import Follower
from meta_orch.dependencies.acting import Actor
from meta_orch.domain.actions import ActionKind
from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.domain.triggers import Firing, FiringState
from meta_orch.orchestrators.base import (
    ActingRefused,
    CancelsRuns,
    LoginRefused,
    NotFound,
    Orchestrator,
    StartsRuns,
)
from meta_orch.store import Store

_ACTIONS = UUID("0c2d4ac2-7f0c-4f69-8b3c-2e57e0c7c2a5")
PERSON = "somebody in Dagster"
_ENDS = {RunState.SUCCEEDED: FiringState.SUCCEEDED, RunState.CANCELED: FiringState.CANCELED}


@dataclass(frozen=True)
class Starter:
    """Args:
    connect: gives an orchestrator's adapter.
    clock: gives the time as aware UTC.
    """

    store: Store
    connect: Connect
    clock: Callable[[], datetime]

    def start(
        self,
        context: OpExecutionContext,
        pipeline: Pipeline,
        instance: InstanceConfig,
        parameters: dict[str, object],
    ) -> None:
        """One run, as somebody asks who pressed Launch; it is not followed.

        Raises:
            Failure: it was not started; the text says why.
        """
        actor = self._actor(context, PERSON)
        with _failing_clearly(pipeline), self.connect(instance, context.instance) as orchestrator:
            run = self._ask(
                orchestrator,
                actor,
                pipeline,
                request_id=context.run.run_id,
                parameters=parameters,
                reason="Launched in Dagster.",
            )
            self._show(context)
        _tell(context, run)

    def start_for(
        self,
        context: OpExecutionContext,
        firing_id: str,
        pipeline: Pipeline,
        instance: InstanceConfig,
    ) -> None:
        """The run of a firing: started, or found where it was, and followed to its end.

        Raises:
            Failure: it was not started, or did not succeed.
        """
        with self.store.read() as reader:
            firing = reader.triggers.firing(firing_id)
        if firing is None:
            raise Failure(f"there is no firing {firing_id}", allow_retries=False)
        actor = self._actor(context, f"trigger {firing.trigger}")
        with _failing_clearly(pipeline), self.connect(instance, context.instance) as orchestrator:
            try:
                run = self._ask(
                    orchestrator,
                    actor,
                    pipeline,
                    request_id=f"trigger {firing.id}",
                    parameters=dict(firing.parameters),
                    reason=firing.reason,
                )
            except (ActingRefused, LoginRefused, NotFound) as error:
                self._save(firing, FiringState.REFUSED, message=str(error))
                raise
            started = self._save(firing, FiringState.STARTED, run_id=run.key.run_id)
            _tell(context, run)
            self._show(context)
            try:
                self._follow(context, orchestrator, started, run)
            except (DagsterExecutionInterruptedError, KeyboardInterrupt):
                # A process that is stopped leaves the run to the next one; a person who cancels
                # the Dagster run means both.
                if self._is_canceled(context):
                    self._cancel(orchestrator, actor, started, run)
                raise

    def _follow(
        self, context: OpExecutionContext, orchestrator: Orchestrator, firing: Firing, run: Run
    ) -> None:
        def beat() -> None:
            self._save(firing, FiringState.STARTED)

        try:
            ended = Follower(context, orchestrator, beat).follow(run.key)
        except NotFound as error:
            self._save(firing, FiringState.FAILED, message=str(error))
            raise
        if ended is None:
            self._save(firing, FiringState.SUCCEEDED, message="It was started and not followed.")
            return
        state = _ENDS.get(ended.state, FiringState.FAILED)
        self._save(firing, state, message=ended.message)
        if state is not FiringState.SUCCEEDED:
            raise Failure(
                f"Run {run.key.run_id} of {run.key.pipeline} is {ended.native_state}"
                + (f": {ended.message}" if ended.message else ""),
                metadata=metadata.present({metadata.RUN_URL: metadata.url(ended.url)}),
                allow_retries=False,
            )

    def _ask(
        self,
        orchestrator: Orchestrator,
        actor: Actor,
        pipeline: Pipeline,
        *,
        request_id: str,
        parameters: dict[str, object],
        reason: str,
    ) -> Run:
        if not isinstance(orchestrator, StartsRuns):
            raise ActingRefused(
                pipeline.key.instance, "its adapter has no way to start a run from here"
            )
        orchestrator.check_may_start_runs()
        started: list[Run] = []

        def start() -> str:
            run = orchestrator.start_run(pipeline, request_id=request_id, parameters=parameters)
            started.append(run)
            return run.key.run_id

        actor.act(
            str(uuid5(_ACTIONS, f"start {request_id}")),
            ActionKind.START_RUN,
            pipeline.key,
            start,
            reason=reason,
        )
        return started[0]

    def _cancel(self, orchestrator: Orchestrator, actor: Actor, firing: Firing, run: Run) -> None:
        if not isinstance(orchestrator, CancelsRuns):
            return

        def cancel() -> str:
            orchestrator.cancel_run(run.key)
            return run.key.run_id

        actor.act(
            str(uuid5(_ACTIONS, f"cancel {firing.id}")),
            ActionKind.CANCEL_RUN,
            run.key.pipeline,
            cancel,
            reason=f"The Dagster run that follows it was canceled ({actor.through}).",
            undoes=str(uuid5(_ACTIONS, f"start trigger {firing.id}")),
        )
        self._save(firing, FiringState.CANCELED, message="Its Dagster run was canceled.")

    def _is_canceled(self, context: OpExecutionContext) -> bool:
        run = context.instance.get_run_by_id(context.run.run_id)
        return run is not None and run.status in {
            DagsterRunStatus.CANCELING,
            DagsterRunStatus.CANCELED,
        }

    def _show(self, context: OpExecutionContext) -> None:
        publish_actions(context.instance, self.store)

    def _actor(self, context: OpExecutionContext, by: str) -> Actor:
        return Actor(self.store, by, f"Dagster run {context.run.run_id}", self.clock)

    def _save(
        self,
        firing: Firing,
        state: FiringState,
        *,
        run_id: str | None = None,
        message: str | None = None,
    ) -> Firing:
        now = self.clock()
        saved = replace(
            firing,
            state=state,
            run_id=run_id or firing.run_id,
            followed_at=now,
            ended_at=None if state.is_open else now,
            message=message,
        )
        with self.store.write() as writer:
            writer.triggers.save(saved)
        return saved


@contextmanager
def _failing_clearly(pipeline: Pipeline) -> Iterator[None]:
    """What is expected to go wrong fails the Dagster run with its text, and with the way to the
    pipeline."""
    try:
        yield
    except MetaOrchError as error:
        raise Failure(
            str(error),
            metadata=metadata.present(
                {
                    metadata.PIPELINE_URL: metadata.url(pipeline.url),
                    metadata.ASSET: MetadataValue.asset(names.asset_key(pipeline.key)),
                }
            ),
            allow_retries=False,
        ) from None


def _tell(context: OpExecutionContext, run: Run) -> None:
    pipeline = run.key.pipeline
    context.log.info("%s has run %s of %s", pipeline.instance, run.key.run_id, pipeline)
    context.add_output_metadata(
        metadata.present({metadata.RUN_ID: run.key.run_id, metadata.RUN_URL: metadata.url(run.url)})
    )
