"""What a tick costs that finds nothing new, which is nearly all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import DagsterInstance, SkipReason, build_sensor_context

from benchmarks.counting_proxy import CountingProxy, Exchange, names, replay
from benchmarks.measuring import Cost, Sample, measure, ratio
from benchmarks.reporting import Table
from benchmarks.seeded import RUNS, PastAirflow, PastPrefect, SeededDagster, Subject
from benchmarks.seeding import Extent
from benchmarks.settings import Say, Settings
from meta_orch.config.models import InstanceConfig, MetaOrchConfig, StoreConfig
from meta_orch.defs import build_definitions
from meta_orch.defs.names import sensor_name
from meta_orch.demo.errors import NotReady
from meta_orch.orchestrators import connect
from meta_orch.store import Store

NAME = "tick"
TITLE = "A quiet tick"
METHOD = """
    The sensor of an instance is evaluated against a real server whose runs have all been read and
    shown. Airflow's and Prefect's databases were filled directly, and only what answers requests
    runs of them; Airflow's API has two workers. A proxy counts the requests; CPU and wall seconds
    are taken without the proxy.
    Every five minutes a tick also reads the whole catalogue: what that one asks stands apart.

    The yardstick is a bare HTTP client that sends the same requests over one connection and throws
    the answers away.
"""

_SECONDS_TO_QUIET = 5400
_BETWEEN_TICKS = 1
_SETTINGS = {"AIRFLOW__API__WORKERS": "2"}
"""With one, a first reading of ten thousand DAGs would take longer than is waited for."""
_CATALOGUE_EVERY = timedelta(minutes=5)


@dataclass
class Ticker:
    """One instance's sensor, evaluated here as Dagster's daemon has it evaluated elsewhere."""

    dagster: DagsterInstance
    config: InstanceConfig
    store: Path
    ahead: timedelta = timedelta(0)
    """How far its clock is ahead."""
    cursor: str | None = None

    def __post_init__(self) -> None:
        config = MetaOrchConfig(instances=(self.config,), store=StoreConfig(path=self.store))
        definitions = build_definitions(config, clock=lambda: datetime.now(UTC) + self.ahead)
        self._sensor = definitions.get_unresolved_sensor_def(sensor_name(self.config.name))

    def tick(self) -> str:
        """What the tick says it did."""
        context = build_sensor_context(self.dagster, self.cursor)
        result = self._sensor(context)
        self.cursor = context.cursor
        return str(result.skip_message if isinstance(result, SkipReason) else result)

    def tick_until_quiet(self) -> None:
        """Raises `NotReady` where it never is."""
        deadline = time.monotonic() + _SECONDS_TO_QUIET
        while not (_is_quiet(said := self.tick()) and self._has_whole_catalogue()):
            if time.monotonic() > deadline:
                raise NotReady(f"{self.config.name} does not come to rest: {said}")
            time.sleep(_BETWEEN_TICKS)

    def _has_whole_catalogue(self) -> bool:
        with Store(self.store).read() as reader:
            kept = reader.fingerprint(self.config.name)
        with connect(self.config) as orchestrator:
            return orchestrator.read_fingerprint() == kept


def _is_quiet(said: str) -> bool:
    return said.startswith("0 runs read, caught up;") and " 0 mirrored" in said


@dataclass(frozen=True)
class Found:
    """What ticks against one server took."""

    version: str
    pipelines: int
    quiet: list[Exchange]
    with_catalogue: list[Exchange]
    ticks: Sequence[Cost]
    replays: Sequence[Cost]

    def row(self) -> tuple[object, ...]:
        ticks = Sample.of(cost.cpu for cost in self.ticks)
        replays = Sample.of(cost.cpu for cost in self.replays)
        wall = Sample.of(cost.wall for cost in self.ticks)
        raw_wall = Sample.of(cost.wall for cost in self.replays)
        return (
            self.version,
            self.pipelines,
            len(self.quiet),
            len(self.with_catalogue),
            ticks,
            ratio(ticks, replays),
            wall,
            ratio(wall, raw_wall),
        )


def run(settings: Settings, say: Say) -> Sequence[Table]:
    found = [
        _measure_past(kind, size, settings, say)
        for kind in (PastAirflow, PastPrefect)
        for size in settings.server_pipelines
    ]
    found += _measure_dagster(settings, say)
    return [
        Table(
            "Requests and seconds of one tick",
            (
                *("server", "pipelines", "requests", "with the catalogue"),
                *("CPU s", "to bare", "wall s", "to bare"),
            ),
            [each.row() for each in found],
        ),
        Table(
            "What a quiet tick asks",
            ("server", "pipelines", "requests"),
            [(each.version, each.pipelines, names(each.quiet)) for each in found],
        ),
    ]


def _measure_past(
    kind: type[PastAirflow | PastPrefect], pipelines: int, settings: Settings, say: Say
) -> Found:
    say(f"{kind.type}: making {pipelines:,} pipelines")
    past = kind(
        settings.folder / f"{kind.type}_{pipelines}_server", Extent(pipelines, RUNS), _SETTINGS
    )
    past.seed(datetime.now(UTC))
    with past:
        return _measure(past, pipelines, settings, say)


def _measure_dagster(settings: Settings, say: Say) -> Sequence[Found]:
    found = []
    with SeededDagster(settings.folder / SeededDagster.type) as seeded:
        for pipelines in settings.dagster_pipelines:
            say(f"{seeded.type}: making {pipelines} pipelines")
            seeded.grow(pipelines)
            found.append(_measure(seeded, pipelines, settings, say))
    return found


def _measure(seeded: Subject, pipelines: int, settings: Settings, say: Say) -> Found:
    version = seeded.version()
    folder = settings.folder / f"{seeded.type}_{pipelines}"
    store = folder / "store.duckdb"
    folder.mkdir()
    with DagsterInstance.local_temp(str(folder)) as dagster:
        say(f"{version}: reading {pipelines} pipelines")
        direct = Ticker(dagster, seeded.config(), store)
        direct.tick_until_quiet()
        say(f"{version}: counting requests of a tick over {pipelines} pipelines")
        with CountingProxy(seeded.server.url) as proxy:
            counted = Ticker(dagster, seeded.config(proxy.url), store, cursor=direct.cursor)
            counted.tick()
            with proxy.counting() as quiet:
                counted.tick()
            counted.ahead = _CATALOGUE_EVERY
            with proxy.counting() as with_catalogue:
                counted.tick()
        say(f"{version}: timing ticks over {pipelines} pipelines")
        direct = Ticker(dagster, seeded.config(), store, _CATALOGUE_EVERY, counted.cursor)
        direct.tick_until_quiet()
        ticks = [measure(direct.tick)[1] for _ in range(settings.ticks)]
        replays = [measure(lambda: replay(proxy.server, quiet))[1] for _ in range(settings.ticks)]
    return Found(version, pipelines, quiet, with_catalogue, ticks, replays)
