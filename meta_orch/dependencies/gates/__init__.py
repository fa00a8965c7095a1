"""Whether a pipeline may run now: one answer, with its evidence, for everybody who asks."""

from meta_orch.dependencies.gates.decision import (
    AssetFact,
    Decision,
    Disposition,
    Finding,
    Readiness,
    Requirement,
    decide,
    summary,
)
from meta_orch.dependencies.gates.gatekeeper import Gatekeeper, GateMap, gate_of
from meta_orch.dependencies.gates.windows import Cadence, Occasion

__all__ = [
    "AssetFact",
    "Cadence",
    "Decision",
    "Disposition",
    "Finding",
    "GateMap",
    "Gatekeeper",
    "Occasion",
    "Readiness",
    "Requirement",
    "decide",
    "gate_of",
    "summary",
]
