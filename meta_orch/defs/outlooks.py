"""The check `not_at_risk` of pipelines that an SLA in `meta_orch.yaml` names."""

from __future__ import annotations

from collections.abc import Iterable

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetKey

from meta_orch.analytics.predictions.outlooks import Outlook
from meta_orch.defs import metadata, names
from meta_orch.defs.evaluations import NOT_AT_RISK
from meta_orch.domain.edges import path_text
from meta_orch.domain.pipelines import PipelineKey


def outlook_spec(asset: AssetKey) -> AssetCheckSpec:
    return AssetCheckSpec(
        NOT_AT_RISK,
        asset=asset,
        description=(
            "By its own history and that of what it waits for, it will likely keep what `slas` in "
            "meta_orch.yaml promise of it within the next day."
        ),
    )


def evaluate_outlooks(
    pipeline: PipelineKey, outlooks: Iterable[Outlook], risk_from: float
) -> AssetCheckResult:
    """Whether a pipeline is at risk of missing an SLA, as the result of the check.

    Args:
        risk_from: from which probability it is.
    """
    found = sorted(outlooks, key=lambda outlook: -outlook.risk)
    at_risk = [outlook for outlook in found if outlook.risk >= risk_from]
    worst = found[0] if found else None
    return AssetCheckResult(
        asset_key=names.asset_key(pipeline),
        check_name=NOT_AT_RISK,
        passed=not at_risk,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(describe_outlook(outlook) for outlook in at_risk or found[:1])
        or "nothing is promised for the next day that can be predicted",
        metadata=metadata.present(
            {
                metadata.RISK: round(worst.risk, 2) if worst else None,
                metadata.DEADLINE: metadata.timestamp(worst.deadline) if worst else None,
                metadata.EXPECTED_END: metadata.timestamp(worst.expected) if worst else None,
                metadata.LIKELY_FROM: metadata.timestamp(worst.low) if worst else None,
                metadata.LIKELY_TO: metadata.timestamp(worst.high) if worst else None,
                metadata.DECIDED_BY: " → ".join(map(path_text, worst.because)) if worst else None,
            }
        ),
    )


def describe_outlook(outlook: Outlook) -> str:
    name, deadline = outlook.promise.sla.name, f"{outlook.deadline:%Y-%m-%d %H:%M}"
    if outlook.expected is None:
        return f"{name}: its run failed, and no other is due before {deadline} UTC"
    early = [path for path in outlook.because if path != outlook.pipeline.path]
    because = f", as {path_text(early[0])} comes late" if early and outlook.risk > 0 else ""
    return (
        f"{name}: expected at {outlook.expected:%H:%M}, likely from {outlook.low:%H:%M} to "
        f"{outlook.high:%H:%M}, promised for {deadline} UTC: {outlook.risk:.0%} likely to miss it"
        f"{because}"
    )
