"""Where pipelines want more of a resource than there is, and plans against it, as an asset."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    asset,
)

from meta_orch.analytics.resources.conflicts import Conflict
from meta_orch.analytics.staggering.plan import StaggeringPlan
from meta_orch.analytics.staggering.refreshing import plan_document, refresh_contention
from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics.group import GROUP, watermark
from meta_orch.domain.words import describe_duration
from meta_orch.store import Store

CONFLICTS_KEY: Final = AssetKey(["meta_orch", "conflicts"])
_LISTED = 20
_NAMED = 3


def build_conflicts(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> AssetsDefinition:
    """Args:
    clock: gives the time as aware UTC.
    """

    @asset(
        key=CONFLICTS_KEY,
        group_name=GROUP,
        kinds={"duckdb"},
        description=(
            "Where pipelines wanted more of a resource in meta_orch.yaml than there is, where they "
            "will by their schedules, and other start minutes that would help (the views "
            "`conflicts`, `stagger_plans` and `stagger_moves`; `meta-orch conflicts`, "
            "`meta-orch stagger`)."
        ),
    )
    def conflicts(context: AssetExecutionContext) -> MaterializeResult:
        begun = clock()
        read_until = watermark(store)
        found = refresh_contention(store, config, begun)
        context.log.info(
            "%s conflicts were, %s come; %s resources planned for",
            len(found.past),
            len(found.coming),
            len(found.plans),
        )
        return MaterializeResult(
            metadata=metadata.present(
                {
                    metadata.COVERS_FROM: metadata.timestamp(
                        begun - config.analytics.conflicts_since
                    ),
                    metadata.COVERS_TO: metadata.timestamp(
                        begun + config.analytics.conflicts_ahead
                    ),
                    metadata.CONFLICTS: len(found.past),
                    metadata.CONFLICTS_COMING: len(found.coming),
                    metadata.HARM: round(sum(each.harm.total_seconds() for each in found.past), 3),
                    metadata.HARM_COMING: round(
                        sum(each.harm.total_seconds() for each in found.coming), 3
                    ),
                    metadata.WATERMARK: read_until,
                    metadata.SECONDS: round((clock() - begun).total_seconds(), 3),
                    metadata.WORST_CONFLICTS: metadata.table(
                        ("resource", "", "when (UTC)", "peak", "of", "harm", "between"),
                        [
                            *(_row(each, "was") for each in found.past[:_LISTED]),
                            *(_row(each, "comes") for each in found.coming[:_LISTED]),
                        ],
                    ),
                    metadata.PLANS: metadata.table(
                        ("resource", "peak", "by the plan", "bound", "moved", "queued", "after"),
                        map(_plan, found.plans),
                    ),
                    metadata.PLAN_DATA: MetadataValue.json(
                        [plan_document(plan) for plan in found.plans]
                    )
                    if found.plans
                    else None,
                }
            )
        )

    return conflicts


def _row(conflict: Conflict, when: str) -> tuple[object, ...]:
    names = [str(key) for key in conflict.shares]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        conflict.resource,
        when,
        f"{conflict.since:%Y-%m-%d %H:%M} to {conflict.until:%H:%M}",
        f"{conflict.peak:g}",
        f"{conflict.capacity:g}",
        describe_duration(conflict.harm),
        ", ".join(names[:_NAMED]) + more,
    )


def _plan(plan: StaggeringPlan) -> tuple[object, ...]:
    return (
        plan.resource,
        f"{plan.before.peak:g}",
        f"{plan.after.peak:g}",
        f"{plan.bound:g}",
        f"{len(plan.moves)} of {plan.movable + plan.fixed}",
        describe_duration(plan.history_before.queued),
        describe_duration(plan.history_after.queued),
    )
