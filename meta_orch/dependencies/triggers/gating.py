"""What a trigger would start asks its gate first, as a run that its schedule starts does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from meta_orch.config.models import TriggerConfig
from meta_orch.dependencies.gates import Decision, Disposition, Gatekeeper, summary
from meta_orch.domain.triggers import Firing, FiringState


def is_asked_for(firing: Firing, triggers: Iterable[TriggerConfig]) -> bool:
    """Whether the gate has a say: not once the run is started, nor where it is a failure or a delay
    that starts it, as that is what the gate would hold it for."""
    states = {trigger.name: trigger.state for trigger in triggers}
    is_started = firing.state not in {FiringState.PLANNED, FiringState.WAITING}
    return not is_started and states.get(firing.trigger) == "success"


def ask_gates(firings: Iterable[Firing], keeper: Gatekeeper, now: datetime) -> Iterator[Firing]:
    """The firings as their gates have them: to be started, waiting with the reason, or refused
    where the gate skips the run."""
    for firing in firings:
        decision = keeper.decide(firing.target.path, due_at=firing.fired_at)
        if decision.disposition is Disposition.SKIP:
            message = f"its gate skips it: {summary(decision)}"
            yield replace(firing, state=FiringState.REFUSED, ended_at=now, message=message)
        elif decision.may_run or _is_over(decision, firing, now):
            yield replace(firing, state=FiringState.PLANNED, message=None)
        else:
            message = f"{decision.disposition.value}: {summary(decision)}"
            yield replace(firing, state=FiringState.WAITING, message=message)


def _is_over(decision: Decision, firing: Firing, now: datetime) -> bool:
    """Whether it was held for as long as its gates say, at most."""
    is_held = decision.disposition is Disposition.HOLD
    return is_held and now >= firing.fired_at + decision.hold_at_most
