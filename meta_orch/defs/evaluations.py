"""Results of checks as the events that Dagster keeps."""

from __future__ import annotations

from typing import Final

from dagster import AssetCheckEvaluation, AssetCheckResult

LAST_RUN_SUCCEEDED: Final = "last_run_succeeded"
COLLECTOR_IS_FRESH: Final = "collector_is_fresh"
UPSTREAMS_ARE_READY: Final = "upstreams_are_ready"
MEETS_SLA: Final = "meets_sla"
NOT_AT_RISK: Final = "not_at_risk"
DURATION_IS_NORMAL: Final = "duration_is_normal"
STARTS_ON_SCHEDULE: Final = "starts_on_schedule"
BLOCKING: Final = frozenset({LAST_RUN_SUCCEEDED, UPSTREAMS_ARE_READY})
"""`AutomationCondition.all_deps_blocking_checks_passed()` waits for these downstream."""


def as_evaluation(result: AssetCheckResult) -> AssetCheckEvaluation:
    """A result as the event that Dagster keeps.

    Raises:
        ValueError: the result does not say of which asset and check it is.
    """
    if result.asset_key is None or result.check_name is None:
        raise ValueError("the result names no asset or no check")
    return AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        blocking=result.check_name in BLOCKING,
    )
