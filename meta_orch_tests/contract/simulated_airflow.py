"""The simulated Airflows as subjects: what stands in for a server where a test asks for very much
has to keep the same contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from meta_orch_tests.contract.airflow import Airflow2Subject, AirflowSubject
from meta_orch_tests.contract.subject import Subject
from meta_orch_tests.orchestrators.airflow.servers import PASSWORD
from meta_orch_tests.orchestrators.airflow.simulated import SimulatedAirflow, SimulatedTask
from meta_orch_tests.orchestrators.airflow.simulated_v1 import SimulatedAirflow2
from meta_orch_tests.support.loopback import LoopbackServer

_RAW, _CLEAN = "file:///data/raw.csv", "file:///data/clean.csv"
_DAILY = timedelta(hours=16, minutes=30)
"""From noon to 05:30 in Berlin, in winter."""


class _Simulated(AirflowSubject):
    username = "anna"
    simulation: SimulatedAirflow

    def pause_between_polls(self) -> None:
        self.simulation.work()

    def _write(self, name: str, tasks: list[str], description: str) -> None:
        if name in self.simulation.dags:
            self.simulation.work()  # the server's clock goes on
            self.simulation.change_dag(name, tasks)
        else:
            does = tuple(SimulatedTask(task) for task in tasks)
            self.simulation.add_dag(
                name, tasks=tasks, made_at=self.simulation.now, has_run=False, does=does
            )
        self.simulation.dags[name].listed = {"description": description}

    def remove_pipeline(self, pipeline: str) -> None:
        del self.simulation.dags[pipeline]
        super().remove_pipeline(pipeline)


class SimulatedSubject(_Simulated):
    pass


class Simulated2Subject(Airflow2Subject, _Simulated):
    pass


def simulated_airflow(
    make: Callable[[], SimulatedAirflow], kind: type[_Simulated]
) -> Callable[[pytest.FixtureRequest, str], Subject]:
    def open_subject(_: pytest.FixtureRequest, label: str) -> Subject:
        simulation = make()
        stand(simulation)
        cleanup = ExitStack()
        server = cleanup.enter_context(LoopbackServer(simulation.answer))
        subject = kind(label, server.url, PASSWORD, None, cleanup)
        subject.simulation = simulation
        return subject

    return open_subject


SIMULATED: Mapping[str, Callable[[pytest.FixtureRequest, str], Subject]] = {
    "airflow-3.3-simulated": simulated_airflow(SimulatedAirflow, SimulatedSubject),
    "airflow-3.0-simulated": simulated_airflow(
        lambda: SimulatedAirflow(has_cursors=False), SimulatedSubject
    ),
    "airflow-2.11-simulated": simulated_airflow(SimulatedAirflow2, Simulated2Subject),
}


def stand(airflow: SimulatedAirflow) -> None:
    """Have the DAGs of `live/dags/basics.py`."""
    chain = ("extract", "check", "load")
    settings: dict[str, Any] = {
        "retries": 2.0,
        "execution_timeout": {"days": 0, "seconds": 300, "microseconds": 0},
        "pool": "default_pool",
    }
    airflow.add_dag(
        "classic",
        tasks=chain,
        edges={"extract": ["check"], "check": ["load"]},
        about_tasks={
            task: {**settings, "trigger_rule": "all_done" if task == "load" else "all_success"}
            for task in chain
        },
        does=[SimulatedTask(task) for task in chain],
        listed={
            "description": "Classic operators",
            "owners": ["data-team"],
            "tags": [{"name": "daily"}, {"name": "sales"}],
            "timetable_summary": "30 5 * * 1-5",
            "next_dagrun_run_after": (airflow.now + _DAILY).isoformat(),
            "fileloc": "/dags/basics.py",
            "max_active_runs": 1,
        },
        details={"timezone": "UTC"},
        source='START = pendulum.datetime(2026, 1, 1, tz="Europe/Berlin")\nDAG("classic")',
    )
    airflow.add_dag("manual", tasks=["greet"], does=[SimulatedTask("greet")])
    airflow.add_dag(
        "fails",
        tasks=["first", "second", "third"],
        edges={"first": ["second"], "second": ["third"]},
        does=[
            SimulatedTask("first", ends_as="success"),
            SimulatedTask("second", attempts=2),
            SimulatedTask("third", ends_as="upstream_failed", has_times=False),
        ],
        ends_as="failed",
    )
    airflow.add_dag(
        "mapped",
        tasks=["square", "total"],
        edges={"square": ["total"]},
        about_tasks={"square": {"is_mapped": True}},
        does=[
            *(SimulatedTask("square", map_index=number) for number in range(3)),
            SimulatedTask("total"),
        ],
    )
    airflow.add_dag(
        "produces_raw",
        listed={
            "timetable_summary": "1 day, 0:00:00",
            "schedule_interval": {"__type": "TimeDelta", "days": 1},
        },
    )
    airflow.add_dag(
        "cleans_raw",
        listed={"timetable_summary": "Asset", "schedule_interval": _dataset()},
        details={
            "asset_expression": {"all": [{"asset": {"name": "raw", "uri": _RAW}}]},
            "dataset_expression": {"all": [_RAW]},
        },
    )
    airflow.add_dag("paused", is_paused=True, listed={"timetable_summary": "0 * * * *"})
    airflow.add_dag("waits", tasks=["wait", "start_manual"])
    airflow.assets = (
        _asset("raw", _RAW, by="produces_raw", scheduled=["cleans_raw"]),
        _asset("clean", _CLEAN, by="cleans_raw", scheduled=[]),
    )
    node = "trigger:waits:manual:start_manual"
    airflow.dependencies = {
        "nodes": [],
        "edges": [
            {"source_id": "dag:waits", "target_id": node},
            {"source_id": node, "target_id": "dag:manual"},
        ],
    }
    airflow.pools = ({"name": "default_pool", "slots": 128, "running_slots": 0, "queued_slots": 0},)


def _asset(name: str, uri: str, *, by: str, scheduled: list[str]) -> Mapping[str, Any]:
    users = [{"dag_id": dag_id} for dag_id in scheduled]
    return {
        "id": 1 if name == "raw" else 2,
        "name": name,
        "uri": uri,
        "scheduled_dags": users,
        "consuming_dags": users,
        "producing_tasks": [{"dag_id": by, "task_id": "write"}],
    }


def _dataset() -> Mapping[str, Any]:
    return {"__type": "CronExpression", "value": "Dataset"}
