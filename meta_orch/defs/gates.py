"""The check `upstreams_are_ready` of pipelines that a gate in `meta_orch.yaml` names.

It says what `meta-orch gate` says. It is evaluated whenever somebody executes it, and by each tick
of its instance's sensor where it passes no longer, or again, or fails through another upstream.
"""

from __future__ import annotations

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
)

from meta_orch.defs import metadata
from meta_orch.defs.evaluations import UPSTREAMS_ARE_READY
from meta_orch.dependencies.gates import Decision, Disposition, summary
from meta_orch.domain.edges import path_text


def gate_spec(asset: AssetKey) -> AssetCheckSpec:
    return AssetCheckSpec(
        UPSTREAMS_ARE_READY,
        asset=asset,
        blocking=True,
        description=(
            "No upstream has failed, or is late, for the run that comes next: it would not run on "
            "stale data. `meta-orch gate` says the same, and lets it run all the same."
        ),
    )


def evaluate_gate(decision: Decision) -> AssetCheckResult:
    """What a gate says, as the result of the check. That an upstream has not run yet, as it need
    not have, is no fault."""
    name = path_text(decision.pipeline)
    is_held = decision.disposition in {Disposition.HOLD, Disposition.SKIP}
    first = decision.culprits[0] if decision.culprits else None
    return AssetCheckResult(
        asset_key=AssetKey([*decision.pipeline]),
        check_name=UPSTREAMS_ARE_READY,
        passed=not decision.is_troubled or decision.override is not None,
        severity=AssetCheckSeverity.ERROR if is_held else AssetCheckSeverity.WARN,
        description=f"{decision.disposition.value.capitalize()}: {summary(decision)}",
        metadata=metadata.present(
            {
                metadata.DISPOSITION: decision.disposition.value,
                metadata.DUE_AT: metadata.timestamp(decision.occasion.due_at),
                metadata.CULPRIT: path_text(first.upstream) if first else None,
                metadata.SINCE: metadata.timestamp(first.since) if first else None,
                metadata.UPSTREAMS: metadata.table(
                    ("upstream", "is", "because", "depends on it as"),
                    (
                        (
                            path_text(finding.upstream),
                            finding.readiness.value,
                            finding.message,
                            finding.evidence,
                        )
                        for finding in decision.findings
                    ),
                ),
                metadata.OVERRIDE: None
                if decision.may_run
                else f'meta-orch gate {name} --override 2h --reason "..."',
            }
        ),
    )
