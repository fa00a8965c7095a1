"""The asset that lists what was done to orchestrators, the last first."""

from __future__ import annotations

from typing import Final

from dagster import AssetKey, AssetMaterialization, AssetSpec, DagsterInstance

from meta_orch.defs import metadata
from meta_orch.domain.actions import Action, Outcome
from meta_orch.store import Store

ACTIONS_KEY: Final = AssetKey(["meta_orch", "actions"])
GROUP: Final = "meta_orch"
_LISTED = 50


def actions_spec() -> AssetSpec:
    return AssetSpec(
        ACTIONS_KEY,
        group_name=GROUP,
        kinds={"duckdb"},
        description=(
            "What was done to orchestrators: pipelines paused and resumed, runs started and "
            "canceled, and what a dry run would have done. `meta-orch actions` lists all, and "
            "`meta-orch undo` takes one back."
        ),
    )


def publish_actions(dagster: DagsterInstance, store: Store) -> None:
    """Show the last actions on the asset."""
    with store.read() as reader:
        actions = reader.actions(most=_LISTED)
    dagster.report_runless_asset_event(
        AssetMaterialization(
            ACTIONS_KEY,
            metadata=metadata.present(
                {
                    metadata.ACTIONS_FAILED: sum(a.outcome is Outcome.FAILED for a in actions),
                    metadata.ACTIONS: metadata.table(
                        ("when (UTC)", "what", "pipeline", "why", "for", "outcome"),
                        map(_row, actions),
                        most=_LISTED,
                    ),
                }
            ),
        )
    )


def _row(action: Action) -> tuple[str, ...]:
    outcome = f"{action.outcome.value}: {action.message}" if action.message else action.outcome
    return (
        f"{action.at:%Y-%m-%d %H:%M:%S}",
        action.kind.value,
        str(action.pipeline),
        action.reason,
        action.by,
        str(outcome),
    )
