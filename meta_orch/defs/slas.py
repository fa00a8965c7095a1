"""The check `meets_sla` of pipelines that an SLA in `meta_orch.yaml` names."""

from __future__ import annotations

from collections.abc import Iterable

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetKey

from meta_orch.analytics.slas.attainment import Outcome, Verdict
from meta_orch.analytics.slas.causes import cause
from meta_orch.analytics.slas.promises import Promise
from meta_orch.defs import metadata, names
from meta_orch.defs.evaluations import MEETS_SLA
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.words import describe_duration

_MISSES_LISTED = 20


def sla_spec(asset: AssetKey) -> AssetCheckSpec:
    return AssetCheckSpec(
        MEETS_SLA,
        asset=asset,
        description=(
            "What `slas` in meta_orch.yaml promise of it was met as often as they say. While the "
            "last deadline or run missed it, it is an error, afterwards a warning."
        ),
    )


def evaluate_promises(pipeline: PipelineKey, promises: Iterable[Promise]) -> AssetCheckResult:
    """How a pipeline keeps its SLAs, as the result of the check."""
    promises = tuple(promises)
    broken = [promise for promise in promises if promise.attainment.budget < 0]
    is_missing = any(promise.attainment.streak < 0 for promise in broken)
    misses = (
        (
            promise.sla.name,
            f"{outcome.at:%Y-%m-%d %H:%M}",
            _said(outcome),
            cause(outcome, promise.usual) or "",
        )
        for promise in promises
        for outcome in reversed(promise.attainment.outcomes)
        if outcome.verdict.is_miss
    )
    return AssetCheckResult(
        asset_key=names.asset_key(pipeline),
        check_name=MEETS_SLA,
        passed=not broken,
        severity=AssetCheckSeverity.ERROR if is_missing else AssetCheckSeverity.WARN,
        description="; ".join(_summary(promise) for promise in broken or promises),
        metadata=metadata.present(
            {
                **{
                    f"{metadata.SLA_SHARE}/{promise.sla.name}": promise.attainment.share
                    for promise in promises
                },
                metadata.SLA_MISSES: metadata.table(
                    ("sla", "deadline or end (UTC)", "was", "why"), misses, most=_MISSES_LISTED
                ),
            }
        ),
    )


def _summary(promise: Promise) -> str:
    found = promise.attainment
    if found.share is None:
        return f"{promise.sla.name}: nothing is decided yet"
    decided = [outcome for outcome in found.outcomes if outcome.verdict is not Verdict.OPEN]
    last = f"; last {_said(decided[-1])}" if decided[-1].verdict.is_miss else ""
    return (
        f"{promise.sla.name}: met {found.met} of {found.met + found.missed} times "
        f"({found.share:.1%}, {found.target:.1%} wanted){last}"
    )


def _said(outcome: Outcome) -> str:
    over = f" by {describe_duration(outcome.over)}" if outcome.over else ""
    run = f" ({outcome.run.key.run_id})" if outcome.run else ""
    return f"{outcome.verdict.value}{over}{run}"
