"""Does with meta_orch what `airlift.py` does with dagster-airlift, and tells what it took.

    python -m benchmarks.programs.peer CONFIGURATION HOME

`HOME` is that of the Dagster that it writes into. Between its parts it prints a line.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import (
    DagsterInstance,
    Definitions,
    RunsFilter,
    SensorDefinition,
    build_sensor_context,
)

from benchmarks.measuring import Cost, measure
from benchmarks.programs.report import report
from meta_orch.config import InstanceConfig, MetaOrchConfig, load_config
from meta_orch.defs import build_definitions
from meta_orch.defs.backlog import AT_ONCE, Backlog
from meta_orch.defs.names import sensor_name
from meta_orch.domain.marks import MIRRORED_TAG
from meta_orch.orchestrators import connect
from meta_orch.store import CollectorStatus, Store
from meta_orch.sync import collect

_LONGEST = timedelta(hours=1)


def main(configuration: str, home: str) -> None:
    logging.disable(logging.INFO)
    config = load_config(Path(configuration))
    (instance,) = config.instances
    store = Store(config.store.path)
    begin = Cost.so_far()
    _read_catalogue(instance, store)
    _load(config)
    report(load=Cost.so_far() - begin)
    definitions, again = measure(lambda: _load(config))
    report(load_again=again)
    with DagsterInstance.from_config(home) as dagster:
        begin = Cost.so_far()
        _read_runs(instance, store)
        read = Cost.so_far() - begin
        _mirror(config, store, dagster)
        events = dagster.event_log_storage.get_maximum_record_id() or 0
        runs = dagster.get_runs_count(RunsFilter(tags={MIRRORED_TAG: instance.name}))
        report(ingest=Cost.so_far() - begin, read=read, events=events, runs=runs)
        sensor = definitions.get_unresolved_sensor_def(sensor_name(instance.name))
        _tick(sensor, dagster)  # the first logs in
        report()
        _, idle = measure(lambda: _tick(sensor, dagster))
        report(idle=idle)


def _read_catalogue(instance: InstanceConfig, store: Store) -> None:
    """All of it: of a thousand pipelines a tick reads some of the definitions."""
    now = datetime.now(UTC)
    with connect(instance) as orchestrator:
        while True:
            with store.read() as reader:
                known = {pipeline.key: pipeline for pipeline in reader.pipelines()}
            catalogue = orchestrator.read_catalogue(known)
            with store.write() as writer:
                writer.save_catalogue(instance.name, catalogue, now)
                writer.save_collector(_has_read(instance, now))
            if all(pipeline.version for pipeline in catalogue.pipelines):
                return


def _has_read(instance: InstanceConfig, now: datetime) -> CollectorStatus:
    """So that the catalogue is not read again with the runs."""
    return CollectorStatus(
        instance.name,
        attempted_at=now,
        succeeded_at=now,
        caught_up=False,
        error=None,
        server_version=None,
        catalogue_read_at=now,
    )


def _load(config: MetaOrchConfig) -> Definitions:
    definitions = build_definitions(config)
    Definitions.validate_loadable(definitions)
    return definitions


def _read_runs(instance: InstanceConfig, store: Store) -> None:
    with connect(instance) as orchestrator:
        now = datetime.now(UTC)
        collect(
            orchestrator,
            store,
            clock=lambda: datetime.now(UTC),
            deadline=now + _LONGEST,
            lookback=instance.lookback,
        )


def _mirror(config: MetaOrchConfig, store: Store, dagster: DagsterInstance) -> None:
    (instance,) = config.instances
    history = config.dagster.history_per_pipeline
    backlog = Backlog(instance, store, history, {}, lambda: datetime.now(UTC))
    while True:
        deadline = datetime.now(UTC) + _LONGEST
        if backlog.work_off(backlog.read(AT_ONCE), dagster, None, deadline=deadline).is_complete:
            return


def _tick(sensor: SensorDefinition, dagster: DagsterInstance) -> None:
    sensor(build_sensor_context(dagster))


if __name__ == "__main__":
    main(*sys.argv[1:])
