"""Does dagster-airlift's work on an Airflow, and prints what it took as JSON.

    python -m benchmarks.programs.airlift URL USERNAME PASSWORD_VARIABLE SINCE HOME TASKS

`SINCE` is where its sensor begins to look, as seconds since 1970: by itself it looks back a minute.
`HOME` is that of the Dagster that it writes into. `TASKS` is how many tasks of each DAG are mapped
to an asset each, or 0. Between its parts it prints a line.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

from dagster import (
    AssetMaterialization,
    AssetSpec,
    DagsterInstance,
    Definitions,
    SensorResult,
    build_sensor_context,
    serialize_value,
)
from dagster_airlift.core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift.core.sensor.sensor_builder import AirflowPollingSensorCursor

from benchmarks.measuring import Cost, measure
from benchmarks.programs.report import report

_NAME = "airflow_prod"
_PATIENCE = 180
"""Seconds. Dagster ends a tick after sixty, with nothing of it kept."""


def main(*arguments: str) -> None:
    url, username, variable, since, home, tasks = arguments
    logging.disable(logging.INFO)
    airflow = AirflowInstance(AirflowBasicAuthBackend(url, username, os.environ[variable]), _NAME)
    begin = Cost.so_far()
    definitions = build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=_mapped(airflow, int(tasks))
    )
    Definitions.validate_loadable(definitions)
    report(load=Cost.so_far() - begin)
    with DagsterInstance.from_config(home) as dagster:
        cursor = serialize_value(AirflowPollingSensorCursor(end_date_gte=float(since)))
        ticker = _Ticker(definitions, dagster, cursor)
        begin = Cost.so_far()
        shown: set[tuple[str, str]] = set()
        events = 0
        try:
            with _at_most(_PATIENCE):
                while found := ticker.tick():
                    for event in found:
                        dagster.report_runless_asset_event(event)
                        shown.add(_run_of(event))
                        events += 1
        except _Ended:
            report(ingest=Cost.so_far() - begin, events=events, runs=len(shown), ended_early=1)
            return
        report(ingest=Cost.so_far() - begin, events=events, runs=len(shown), ended_early=0)
        _, idle = measure(ticker.tick)
        report(idle=idle)


class _Ended(BaseException):
    """Passes what catches exceptions of user code."""


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """Raises `_Ended` in whatever goes on then."""

    def end(*_: object) -> None:
        raise _Ended

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


class _Ticker:
    def __init__(self, definitions: Definitions, dagster: DagsterInstance, cursor: str) -> None:
        self._sensor = definitions.get_unresolved_sensor_def(f"{_NAME}__airflow_dag_status_sensor")
        self._repository = definitions.get_repository_def()
        self._dagster = dagster
        self._cursor: str | None = cursor

    def tick(self) -> Sequence[AssetMaterialization]:
        """The events that it gives Dagster to write."""
        context = build_sensor_context(self._dagster, self._cursor, repository_def=self._repository)
        result = self._sensor(context)
        self._cursor = context.cursor
        events = result.asset_events if isinstance(result, SensorResult) else ()
        return [event for event in events if isinstance(event, AssetMaterialization)]


def _mapped(airflow: AirflowInstance, tasks: int) -> Definitions | None:
    """Assets for the tasks of DAGs that it can map: a dynamic one it cannot."""
    if not tasks:
        return None
    specs = []
    for dag in airflow.list_dags():
        names = {task.task_id for task in airflow.get_task_infos(dag_id=dag.dag_id)}
        if len(names) == tasks:
            specs += assets_with_task_mappings(
                dag_id=dag.dag_id,
                task_mappings={name: [AssetSpec([dag.dag_id, name])] for name in sorted(names)},
            )
    return Definitions(assets=specs)


def _run_of(event: AssetMaterialization) -> tuple[str, str]:
    run = cast("Mapping[str, str]", event.metadata["Run Metadata (raw)"].value)
    return run["dag_id"], run["dag_run_id"]


if __name__ == "__main__":
    main(*sys.argv[1:])
