"""Mirroring into a Dagster that keeps its runs and events in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import AssetCheckKey, DagsterInstance

from benchmarks.postgres import running_postgres
from meta_orch.config import InstanceConfig
from meta_orch.defs import names
from meta_orch.defs.backlog import Backlog
from meta_orch.defs.evaluations import COLLECTOR_IS_FRESH, LAST_RUN_SUCCEEDED
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.states import RunState
from meta_orch.store import Store
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run

pytestmark = pytest.mark.live

PIPELINES = ("orders", "refunds", "sales")
STATES = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED, RunState.SKIPPED)
NOW = NOON + timedelta(hours=1)


@pytest.fixture
def postgres_instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    with running_postgres(tmp_path) as url:
        storage = {"postgres": {"postgres_url": url}}
        (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": storage}))
        with DagsterInstance.from_config(str(home)) as instance:
            yield instance


def fill(store: Store) -> None:
    """Some runs of some pipelines, of every outcome, the last of each another one."""
    runs = [
        make_run(
            f"run_{number}",
            pipeline,
            STATES[(number + shift) % len(STATES)],
            started_at=NOON + timedelta(minutes=number),
            ended_at=NOON + timedelta(minutes=number, seconds=30),
        )
        for shift, pipeline in enumerate(PIPELINES)
        for number in range(6)
    ]
    with store.write() as writer:
        catalogue = Catalogue(tuple(make_pipeline(name) for name in PIPELINES), "f")
        writer.save_catalogue(INSTANCE, catalogue, NOON)
        writer.save_changes(INSTANCE, Changes("c", runs=tuple(runs)), NOON)


def backlog_of(store: Store) -> Backlog:
    airflow = InstanceConfig(name=INSTANCE, type="airflow", url="http://airflow.example")
    return Backlog(airflow, store, history=5, jobs={}, clock=lambda: NOW)


def work_off(store: Store, dagster: DagsterInstance) -> int:
    """In batches of four: the newest of each pipeline first."""
    backlog = backlog_of(store)
    shown = 0
    while True:
        progress = backlog.work_off(
            backlog.read(4), dagster, None, deadline=NOW + timedelta(minutes=1)
        )
        shown += progress.shown
        if progress.is_complete:
            return shown


def shown_by(dagster: DagsterInstance) -> dict[str, Any]:
    """All that people see of it, without the numbers that a storage gives its rows."""
    keys = [names.asset_key(make_pipeline(name).key) for name in PIPELINES]
    assets = dagster.get_asset_records(keys)
    checks = [
        (record.status, record.run_id, name)
        for key in keys
        for name in (LAST_RUN_SUCCEEDED, COLLECTOR_IS_FRESH)
        for record in dagster.event_log_storage.get_asset_check_execution_history(
            AssetCheckKey(key, name), limit=20
        )
    ]
    return {
        "runs": sorted(
            (
                record.dagster_run.run_id,
                record.dagster_run.status,
                record.dagster_run.job_name,
                sorted(record.dagster_run.tags.items()),
                record.start_time,
                record.end_time,
                [
                    (event.event_log_entry.get_dagster_event().event_type, event.timestamp)
                    for event in dagster.get_records_for_run(record.dagster_run.run_id).records
                ],
            )
            for record in dagster.get_run_records()
        ),
        "assets": sorted(
            (
                str(record.asset_entry.asset_key),
                record.asset_entry.last_run_id,
                record.asset_entry.last_materialization
                and record.asset_entry.last_materialization.run_id,
            )
            for record in assets
        ),
        "checks": checks,
    }


def test_postgresql_shows_what_any_other_storage_shows(
    postgres_instance: DagsterInstance, tmp_path: Path
) -> None:
    stores = [Store(tmp_path / f"{name}.duckdb") for name in ("one", "other")]
    for store in stores:
        fill(store)
    with DagsterInstance.ephemeral() as in_memory:
        assert work_off(stores[0], in_memory) == 5 * len(PIPELINES)
        assert work_off(stores[1], postgres_instance) == 5 * len(PIPELINES)
        assert shown_by(postgres_instance) == shown_by(in_memory)
