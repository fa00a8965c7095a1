"""The checks `duration_is_normal` and `starts_on_schedule` of pipelines that `analytics.watched` in
`meta_orch.yaml` names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetKey

from meta_orch.analytics.slas.habits import Habit
from meta_orch.defs import metadata, names
from meta_orch.defs.evaluations import DURATION_IS_NORMAL, STARTS_ON_SCHEDULE
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import last_tick, rules
from meta_orch.domain.words import describe_duration
from meta_orch.store import Facts


def habit_specs(asset: AssetKey) -> Iterator[AssetCheckSpec]:
    yield AssetCheckSpec(
        DURATION_IS_NORMAL,
        asset=asset,
        description=(
            "Its last successful run, or the one that runs, took neither much longer nor much "
            "shorter than the sixty before it: by the median and the distances from it."
        ),
    )
    yield AssetCheckSpec(
        STARTS_ON_SCHEDULE,
        asset=asset,
        description=(
            "For the last tick of its schedule a run has begun: five minutes after it, and twice "
            "what 95% of its runs took to begin, at the latest."
        ),
    )


def evaluate_duration(
    pipeline: PipelineKey, habit: Habit | None, facts: Facts, now: datetime
) -> AssetCheckResult:
    """Whether the run that goes on for longest is too long, or the last one that succeeded was."""
    running = [run for run in facts.runs if run.started_at and not run.state.is_terminal]
    last = facts.last_finished
    passed, took, said = True, None, "too few successful runs to tell what is normal"
    if habit is not None:
        usual = f"usually {describe_duration(habit.median)}"
        said = f"nothing to judge; {usual}"
        if last and last.state is RunState.SUCCEEDED and last.started_at and last.ended_at:
            took = last.ended_at - last.started_at
            passed = habit.low <= took <= habit.high
            said = f"{last.run_id} took {describe_duration(took)}; {usual}"
        for run in running:
            if run.started_at and now - run.started_at > habit.high:
                passed, took = False, now - run.started_at
                said = f"{run.run_id} has been running for {describe_duration(took)}; {usual}"
    return AssetCheckResult(
        asset_key=names.asset_key(pipeline),
        check_name=DURATION_IS_NORMAL,
        passed=passed,
        severity=AssetCheckSeverity.WARN,
        description=said,
        metadata=metadata.present(
            {
                metadata.DURATION: metadata.seconds(took),
                metadata.NORMAL_FROM: metadata.seconds(habit.low) if habit else None,
                metadata.NORMAL_TO: metadata.seconds(habit.high) if habit else None,
            }
        ),
    )


def evaluate_start(
    pipeline: Pipeline, habit: Habit | None, facts: Facts, known_since: datetime, now: datetime
) -> AssetCheckResult:
    """Whether a run has begun for the last tick that is long enough ago.

    Args:
        known_since: ticks before that are not asked for.
    """
    due = rules(() if pipeline.is_paused else pipeline.schedules)
    tick = last_tick(due, now - habit.start_within) if habit else None
    passed, said = True, "too few runs to tell when one usually begins"
    if habit is not None and tick is None:
        said = "no schedule of it is known to tick"
    elif tick is not None:
        passed = tick < known_since or (facts.last_due is not None and facts.last_due >= tick)
        said = f"{'a' if passed else 'no'} run has begun for {tick:%Y-%m-%d %H:%M} UTC"
    return AssetCheckResult(
        asset_key=names.asset_key(pipeline.key),
        check_name=STARTS_ON_SCHEDULE,
        passed=passed,
        severity=AssetCheckSeverity.WARN,
        description=said,
        metadata=metadata.present({metadata.DUE_AT: metadata.timestamp(tick)}),
    )
