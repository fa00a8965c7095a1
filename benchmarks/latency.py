"""How long it takes until what ended in an orchestrator is seen in Dagster."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measuring import Sample, cpu_of
from benchmarks.reporting import Table
from benchmarks.seeded import RUNS, Seeded, SeededAirflow, SeededPrefect
from benchmarks.settings import Say, Settings
from meta_orch.defs.metadata import RUN_ID
from meta_orch.defs.names import sensor_name
from meta_orch.demo.errors import NotReady
from meta_orch.demo.processes import free_port, wait_until
from meta_orch.demo.servers import DagsterServer
from meta_orch.domain.pipelines import PipelineKey

NAME = "latency"
TITLE = "From a run's end to its event in Dagster"
METHOD = """
    A real Airflow and a real Prefect, and Dagster with webserver, daemon and code server. Runs are
    started a few seconds apart; both ends are watched five times a second. The clock starts at the
    end that the orchestrator itself states, and stops when Dagster's API gives the materialization.

    Most of it is waiting for the sensor, whose interval is a setting: on average half of it. The
    rest is the tick: what the daemon takes to have it evaluated, the reading, and the writing of
    the runs that ended since the tick before. The yardstick is the orchestrator itself: nobody can
    know of an end before its API shows it, which has a column of its own.

    Then, in a spell in which no run ends, the CPU seconds of Dagster's processes with the sensors
    running; the yardstick is the same Dagster with the sensors stopped.
"""

INTERVAL = 30
"""Seconds between ticks: the default of `poll_interval`."""
_LOCATION = "meta_orch"
_APART = 7.0
_WATCH = 0.2
_SECONDS = 300

_EVENTS = """
    query Events($keys: [AssetKeyInput!]) {
      assetNodes(assetKeys: $keys) {
        assetKey { path }
        assetMaterializations(limit: 1) {
          metadataEntries { label ... on TextMetadataEntry { text } }
        }
      }
    }
"""
_TICKS = """
    query Ticks($sensor: SensorSelector!) {
      sensorOrError(sensorSelector: $sensor) {
        ... on Sensor { sensorState { id ticks(limit: 500) { timestamp } } }
      }
    }
"""
_STOP = """
    mutation Stop($id: String) {
      stopSensor(id: $id) {
        __typename
      }
    }
"""


@dataclass
class Watched:
    """A run, and what was seen of it when."""

    server: Seeded
    number: int
    run: str
    ended_at: datetime | None = None
    """By the server's own statement."""
    told_at: datetime | None = None
    """When the server's API first showed the end."""
    shown_at: datetime | None = None
    """When Dagster's first showed the event."""

    @property
    def path(self) -> tuple[str, ...]:
        """The asset's key."""
        return PipelineKey(self.server.name, self.server.pipeline_name(self.number)).path


def run(settings: Settings, say: Say) -> Sequence[Table]:
    with ExitStack() as stack:
        servers: list[Seeded] = []
        for kind in (SeededAirflow, SeededPrefect):
            say(f"starting {kind.type}")
            servers.append(stack.enter_context(kind(settings.folder / kind.type)))
            servers[-1].grow(settings.ends)
        say("starting Dagster")
        dagster = stack.enter_context(_dagster(settings.folder, servers))
        _wait_for_assets(dagster, servers, min(settings.ends, RUNS))
        say(f"watching {settings.ends} runs of each server end")
        watched = _watch(dagster, servers, settings.ends)
        ticks = {server.name: _ticks(dagster, server) for server in servers}
        say(f"resting for {settings.spell:.0f} seconds, twice")
        running = _cpu_while(dagster, settings.spell)
        for server in servers:
            dagster.graphql(_STOP, id=_sensor_state(dagster, server)["id"])
        stopped = _cpu_while(dagster, settings.spell)
        rows = [_row(server, watched, ticks[server.name]) for server in servers]
    return [
        Table(
            f"Seconds, with a sensor's tick every {INTERVAL} seconds",
            (
                *("server", "runs", "end to its own API", "end to tick", "tick to event"),
                "end to event",
            ),
            rows,
        ),
        Table(
            f"CPU seconds of Dagster's processes in {settings.spell:.0f} seconds without news, "
            f"{len(servers)} sensors",
            ("process", "sensors running", "sensors stopped"),
            [(name, f"{running[name]:.2f}", f"{stopped[name]:.2f}") for name in running],
        ),
    ]


def _row(
    server: Seeded, watched: Iterable[Watched], ticks: Sequence[datetime]
) -> tuple[object, ...]:
    to_api, to_tick, in_tick, whole = [], [], [], []
    for each in watched:
        if each.server is server and each.ended_at and each.told_at and each.shown_at:
            # A tick may have begun before the end that it found.
            tick = max(tick for tick in ticks if tick <= each.shown_at)
            found_at = max(tick, each.ended_at)
            to_api.append((each.told_at - each.ended_at).total_seconds())
            to_tick.append((found_at - each.ended_at).total_seconds())
            in_tick.append((each.shown_at - found_at).total_seconds())
            whole.append((each.shown_at - each.ended_at).total_seconds())
    samples = (Sample.of(values) for values in (to_api, to_tick, in_tick, whole))
    return (server.version(), len(whole), *samples)


def _dagster(folder: Path, servers: Sequence[Seeded]) -> DagsterServer:
    port = free_port()
    configuration = folder / "meta_orch.yaml"
    instances = [
        {
            **server.config().model_dump(mode="json", include={"name", "type", "url"}),
            **server.login(),
            "poll_interval": f"{INTERVAL}s",
        }
        for server in servers
    ]
    configuration.write_text(
        yaml.safe_dump(
            {
                "version": 1,
                "instances": instances,
                "store": {"path": "store.duckdb"},
                "dagster": {"webserver_url": f"http://127.0.0.1:{port}"},
            }
        )
    )
    return DagsterServer(
        folder / "dagster",
        port=port,
        locations={_LOCATION: "meta_orch.definitions"},
        settings={"META_ORCH_CONFIG": str(configuration)},
    )


def _wait_for_assets(dagster: DagsterServer, servers: Iterable[Seeded], pipelines: int) -> None:
    """Until the catalogues were read, the location was loaded again for them, and the first of the
    pipelines, which have runs, show those."""
    wanted = [
        PipelineKey(server.name, server.pipeline_name(number)).path
        for server in servers
        for number in range(pipelines)
    ]
    wait_until(
        lambda: _latest(dagster, wanted).keys() >= set(wanted),
        what="Dagster to show the pipelines and their last runs",
        timeout=_SECONDS,
        processes=dagster.processes,
    )


def _watch(dagster: DagsterServer, servers: Sequence[Seeded], runs: int) -> list[Watched]:
    starts = [(server, number) for number in range(runs) for server in servers]
    watched: list[Watched] = []
    next_start = time.monotonic()
    deadline = next_start + len(starts) * _APART + _SECONDS
    while starts or any(each.shown_at is None for each in watched):
        if time.monotonic() > deadline:
            raise NotReady(
                f"{[e.run for e in watched if e.shown_at is None]} never came to Dagster"
            )
        if starts and time.monotonic() >= next_start:
            server, number = starts.pop(0)
            watched.append(Watched(server, number, server.start_run(number)))
            next_start += _APART
        _look(dagster, [each for each in watched if each.shown_at is None])
        time.sleep(_WATCH)
    return watched


def _look(dagster: DagsterServer, watched: Sequence[Watched]) -> None:
    for each in watched:
        if each.ended_at is None:
            each.ended_at = each.server.ended_at(each.number, each.run)
            each.told_at = datetime.now(UTC) if each.ended_at else None
    latest = _latest(dagster, [each.path for each in watched if each.ended_at])
    for each in watched:
        if each.run == latest.get(each.path):
            each.shown_at = datetime.now(UTC)


def _latest(
    dagster: DagsterServer, assets: Sequence[tuple[str, ...]]
) -> Mapping[tuple[str, ...], str]:
    """The run, in its orchestrator, that each asset was last materialized by."""
    if not assets:
        return {}
    nodes = dagster.graphql(_EVENTS, keys=[{"path": path} for path in assets])["assetNodes"]
    return {
        tuple(node["assetKey"]["path"]): entry["text"]
        for node in nodes
        for event in node["assetMaterializations"]
        for entry in event["metadataEntries"]
        if entry["label"] == RUN_ID
    }


def _ticks(dagster: DagsterServer, server: Seeded) -> list[datetime]:
    """When each began."""
    return [
        datetime.fromtimestamp(tick["timestamp"], UTC)
        for tick in _sensor_state(dagster, server)["ticks"]
    ]


def _sensor_state(dagster: DagsterServer, server: Seeded) -> Mapping[str, Any]:
    selector = {
        "repositoryLocationName": _LOCATION,
        "repositoryName": "__repository__",
        "sensorName": sensor_name(server.name),
    }
    return dagster.graphql(_TICKS, sensor=selector)["sensorOrError"]["sensorState"]


def _cpu_while(dagster: DagsterServer, seconds: float) -> dict[str, float]:
    """CPU seconds of each process, those that it started included."""
    before = {process.name: cpu_of([process.pid]) for process in dagster.processes}
    time.sleep(seconds)
    return {
        process.name: cpu_of([process.pid]) - before[process.name] for process in dagster.processes
    }
