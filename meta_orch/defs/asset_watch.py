"""What happened to Dagster's own assets and checks, for triggers and gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dagster import AssetCheckKey, AssetKey, AssetRecordsFilter, DagsterInstance

from meta_orch.config.models import TriggerConfig
from meta_orch.defs.mirror import latest_outcome
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.triggers import Occurrence

_MOST = 100


@dataclass(frozen=True)
class DagsterAssetWatch:
    """Reads the Dagster instance that the caller runs in."""

    instance: DagsterInstance

    def __call__(
        self, asset: AssetPath, trigger: TriggerConfig, since: datetime
    ) -> Sequence[Occurrence]:
        """Materializations, or the last outcome of the trigger's check, later than an instant."""
        if trigger.check is not None:
            return list(self._outcome(asset, trigger.check, trigger, since))
        if trigger.state != "success":
            return []
        wanted = AssetRecordsFilter(AssetKey([*asset]), after_timestamp=since.timestamp())
        found = self.instance.fetch_materializations(wanted, limit=_MOST).records
        return [
            Occurrence(asset, f"materialization {record.storage_id}", _at(record.timestamp))
            for record in reversed(found)
        ]

    def _outcome(
        self, asset: AssetPath, check: str, trigger: TriggerConfig, since: datetime
    ) -> Iterator[Occurrence]:
        outcome = latest_outcome(self.instance, AssetCheckKey(AssetKey([*asset]), check))
        if outcome is None or outcome.at <= since:
            return
        if outcome.passed is (trigger.state == "success"):
            yield Occurrence(asset, f"{check} {outcome.storage_id}", outcome.at)


def _at(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
