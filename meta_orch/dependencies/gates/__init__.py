"""Whether a pipeline may run now: one answer, with its evidence, for everybody who asks."""

from meta_orch.dependencies.gates.decision import (
    Decision,
    Disposition,
    Finding,
    Readiness,
    Requirement,
    decide,
    summary,
)
from meta_orch.dependencies.gates.gatekeeper import Gatekeeper, GateMap, KnownGates, gate_of
from meta_orch.dependencies.gates.holder import Held, Holder
from meta_orch.dependencies.gates.holding import OWNER, Pause, Release, plan_holds
from meta_orch.dependencies.gates.windows import Cadence, Occasion

__all__ = [
    "OWNER",
    "Cadence",
    "Decision",
    "Disposition",
    "Finding",
    "GateMap",
    "Gatekeeper",
    "Held",
    "Holder",
    "KnownGates",
    "Occasion",
    "Pause",
    "Readiness",
    "Release",
    "Requirement",
    "decide",
    "gate_of",
    "plan_holds",
    "summary",
]
