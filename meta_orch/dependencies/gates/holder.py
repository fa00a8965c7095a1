"""Carries out what `holding` plans, step by step, so that it may die at any of them: the next tick
goes on from what is on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from meta_orch.config.models import InstanceConfig, MetaOrchConfig
from meta_orch.dependencies.acting import ACTIVE, PAUSED, Actor
from meta_orch.dependencies.gates.decision import Decision
from meta_orch.dependencies.gates.holding import Pause, Release, plan_holds
from meta_orch.domain.actions import ActionKind
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.orchestrators.base import (
    ActingRefused,
    LoginRefused,
    NotFound,
    Orchestrator,
    OrchestratorError,
    PausesPipelines,
    SkipsTicks,
    StartsRuns,
)

_ACTIONS = UUID("c6c3a5f0-2a55-4d8e-9f5c-0b9f6c0f7b1e")
_POLLS_AHEAD: Final = 2
_A_TICK: Final = timedelta(minutes=1)


class Held(NamedTuple):
    """What one round of holding did."""

    paused: int
    resumed: int
    faults: tuple[str, ...]
    """What the orchestrator did not do, in words."""

    @property
    def has_acted(self) -> bool:
        return bool(self.paused or self.resumed or self.faults)

    @property
    def words(self) -> list[str]:
        told = [f"{self.paused} held"] if self.paused else []
        told += [f"{self.resumed} released"] if self.resumed else []
        return [*told, *self.faults]


NOTHING_HELD: Final = Held(0, 0, ())


@dataclass(frozen=True)
class Holder:
    """Holds the pipelines of one instance.

    Args:
        actor: acts on behalf of the gate.
    """

    instance: InstanceConfig
    config: MetaOrchConfig
    actor: Actor

    @property
    def lead(self) -> timedelta:
        """How long before a run is due its pipeline is paused: a tick comes in between, and has the
        time to do it."""
        return _POLLS_AHEAD * self.instance.poll_interval + _A_TICK

    def keep(
        self,
        orchestrator: Orchestrator,
        decisions: Mapping[AssetPath, Decision],
        pipelines: Mapping[AssetPath, Pipeline],
        deadline: datetime,
    ) -> Held:
        """Pause what must not run, and resume what may. A quiet round asks nothing of the server.

        Args:
            decisions: of the instance's gated pipelines.
            pipelines: by path, all that are known.
            deadline: nothing is begun later; the next round goes on, with what is due first.
        """
        if not isinstance(orchestrator, PausesPipelines):
            return NOTHING_HELD
        with self.actor.store.read() as reader:
            last = reader.last_holds(self.instance.name)
        if self.instance.read_only and not any(hold.state.is_open for hold in last.values()):
            return NOTHING_HELD
        stages = plan_holds(
            decisions,
            {path: p for path, p in pipelines.items() if path[0] == self.instance.name},
            last,
            self.actor.clock(),
            lead=self.lead,
            is_dry_run=self.config.acting == "dry-run",
        )
        paused = resumed = 0
        faults = []
        carrying_out = _CarryingOut(orchestrator, self.actor, pipelines)
        for done, stage in enumerate(stages):
            if self.actor.clock() >= deadline:
                faults.append(f"{len(stages) - done} more to hold or release")
                break
            try:
                if isinstance(stage, Pause):
                    paused += carrying_out.pause(stage)
                else:
                    resumed += carrying_out.release(stage)
            except OrchestratorError as error:
                faults.append(str(error))
        faults += carrying_out.note_what_people_resumed(last, stages)
        return Held(paused, resumed, tuple(faults))


@dataclass(frozen=True)
class _CarryingOut:
    orchestrator: Orchestrator
    actor: Actor
    pipelines: Mapping[AssetPath, Pipeline]

    @property
    def _pauses(self) -> PausesPipelines:
        assert isinstance(self.orchestrator, PausesPipelines)  # noqa: S101  # `keep` has looked
        return self.orchestrator

    def pause(self, stage: Pause) -> bool:
        hold = stage.hold
        pipeline = self.pipelines[hold.pipeline.path]
        with self.actor.store.read() as reader:
            is_on_record = reader.action(_action_id(hold, ActionKind.PAUSE)) is not None
            is_planned = reader.last_holds().get(hold.pipeline) == hold
        if not is_on_record and self._pauses.is_paused(pipeline):
            if is_planned:  # by a process that died before it did anything
                self._end(hold, HoldState.ENDED_BY_HAND, "Somebody paused it in its orchestrator.")
            return False
        # From here on a paused pipeline is ours.
        self._save(hold)
        try:
            self.actor.act(
                _action_id(hold, ActionKind.PAUSE),
                ActionKind.PAUSE,
                hold.pipeline,
                lambda: self._set_paused(pipeline, is_paused=True),
                reason=hold.reason,
                before=ACTIVE,
                is_dry_run=hold.is_dry_run,
            )
        except (ActingRefused, LoginRefused, NotFound) as error:
            self._end(hold, HoldState.REFUSED, str(error))
            raise
        self._save(replace(hold, state=HoldState.HELD))
        return True

    def release(self, stage: Release) -> bool:
        hold = stage.hold
        pipeline = self.pipelines.get(hold.pipeline.path)
        if pipeline is None:
            self._end(hold, HoldState.RELEASED, "the pipeline is no longer there")
            return False
        try:
            if not hold.is_dry_run and not self._pauses.is_paused(pipeline):
                self._end(hold, *_BY_HAND)
                return False
            self._make_up_for(stage, pipeline)
            self.actor.act(
                _action_id(hold, ActionKind.RESUME),
                ActionKind.RESUME,
                hold.pipeline,
                lambda: self._set_paused(pipeline, is_paused=False),
                reason=stage.because,
                before=PAUSED,
                undoes=_action_id(hold, ActionKind.PAUSE),
                is_dry_run=hold.is_dry_run,
            )
        except NotFound as error:
            self._end(hold, HoldState.RELEASED, str(error))
            return False
        self._end(hold, stage.into, stage.because)
        return True

    def note_what_people_resumed(
        self, last: Mapping[PipelineKey, Hold], stages: tuple[Pause | Release, ...]
    ) -> list[str]:
        """A hold whose pipeline somebody has resumed is over."""
        handled = {stage.hold.id for stage in stages}
        faults = []
        for hold in last.values():
            pipeline = self.pipelines.get(hold.pipeline.path)
            if hold.state is not HoldState.HELD or hold.is_dry_run or hold.id in handled:
                continue
            if pipeline is None or pipeline.is_paused:
                continue
            try:
                if not self._pauses.is_paused(pipeline):  # or it was read before it was paused
                    self._end(hold, *_BY_HAND)
            except MetaOrchError as error:
                faults.append(str(error))
        return faults

    def _make_up_for(self, stage: Release, pipeline: Pipeline) -> None:
        """Where the orchestrator would lose the tick that passed, a run is started for it; where it
        would run for one that is skipped, it is kept from that. Before it is resumed: to do so
        twice changes nothing, and to have resumed it would look as if a person had."""
        hold, orchestrator = stage.hold, self.orchestrator
        if stage.into is HoldState.SKIPPED:
            if self._pauses.runs_missed_ticks and isinstance(orchestrator, SkipsTicks):

                def skip() -> str:
                    orchestrator.skip_tick(pipeline, f"Skipped by meta_orch: {stage.because}")
                    return PAUSED

                self.actor.act(
                    _action_id(hold, ActionKind.SKIP_TICK),
                    ActionKind.SKIP_TICK,
                    hold.pipeline,
                    skip,
                    reason=stage.because,
                    before=PAUSED,
                    is_dry_run=hold.is_dry_run,
                )
        elif stage.missed and not self._pauses.runs_missed_ticks:
            if not isinstance(orchestrator, StartsRuns):
                return
            due = f"{stage.missed:%Y-%m-%d %H:%M} UTC"
            self.actor.act(
                _action_id(hold, ActionKind.START_RUN),
                ActionKind.START_RUN,
                hold.pipeline,
                lambda: (
                    orchestrator.start_run(
                        pipeline, request_id=f"hold {hold.id}", parameters={}
                    ).key.run_id
                ),
                reason=f"The run that was due at {due} was held.",
                is_dry_run=hold.is_dry_run,
            )

    def _set_paused(self, pipeline: Pipeline, *, is_paused: bool) -> str:
        self._pauses.set_paused(pipeline, is_paused=is_paused)
        return PAUSED if is_paused else ACTIVE

    def _end(self, hold: Hold, state: HoldState, because: str) -> None:
        self._save(replace(hold, state=state, ended_at=self.actor.clock(), ended_because=because))

    def _save(self, hold: Hold) -> None:
        with self.actor.store.write() as writer:
            writer.save_hold(hold)


_BY_HAND = (HoldState.ENDED_BY_HAND, "Somebody resumed it in its orchestrator.")


def _action_id(hold: Hold, kind: ActionKind) -> str:
    return str(uuid5(_ACTIONS, f"{hold.id} {kind}"))
