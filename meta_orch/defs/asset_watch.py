"""What happened to Dagster's own assets and checks, for triggers and gates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    DagsterRunStatus,
)

from meta_orch.config.models import TriggerConfig
from meta_orch.defs.mirror import latest_outcome, latest_verdicts
from meta_orch.domain.assets import AssetFact
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


def read_facts(
    instance: DagsterInstance, asked: Mapping[AssetPath, Collection[str]]
) -> Mapping[AssetPath, AssetFact]:
    """What Dagster knows of these assets now.

    Args:
        asked: assets, with the names of their checks that are asked about.
    """
    keys = {AssetKey([*path]): path for path in asked}
    checks = {
        AssetCheckKey(key, name): (path, name) for key, path in keys.items() for name in asked[path]
    }
    outcomes: dict[AssetPath, dict[str, bool]] = {}
    for check, passed in latest_verdicts(instance, list(checks)).items():
        path, name = checks[check]
        outcomes.setdefault(path, {})[name] = passed
    records = {
        record.asset_entry.asset_key: record for record in instance.get_asset_records(list(keys))
    }
    return {
        path: _fact(instance, records.get(key), outcomes.get(path, {}))
        for key, path in keys.items()
    }


def _fact(instance: DagsterInstance, record: Any, checks: Mapping[str, bool]) -> AssetFact:
    if record is None:
        return AssetFact(checks=checks)
    entry = record.asset_entry
    made = entry.last_materialization_record
    made_at = _at(made.timestamp) if made else None
    failed_at = None
    # The last run that was to materialize it, which need not have come to that.
    if entry.last_run_id and (made is None or made.run_id != entry.last_run_id):
        run = instance.get_run_record_by_id(entry.last_run_id)
        if run and run.dagster_run.status is DagsterRunStatus.FAILURE and run.end_time:
            failed_at = _at(run.end_time)
    return AssetFact(made_at, failed_at, checks)


def _at(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
