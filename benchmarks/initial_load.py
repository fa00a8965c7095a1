"""How fast a company's past is read, beside the same pages read by nobody in particular."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from benchmarks.counting_proxy import CountingProxy, Exchange, replay
from benchmarks.measuring import Sample, cpu_of, measure
from benchmarks.reporting import Table
from benchmarks.seeded import PastAirflow, PastPrefect, SeededPast
from benchmarks.seeding import Extent
from benchmarks.settings import Say, Settings

NAME = "history"
TITLE = "A first load"
METHOD = """
    A real server whose database was filled with runs of 100 pipelines over 30 days, each with three
    task runs; only what answers requests of it runs. `collect` reads all of it into an empty store,
    in a process of its own that has read the catalogue before. Its CPU seconds are beyond imports,
    its memory is the peak of the whole process.

    The yardstick is the server itself: the same requests, byte for byte, sent by bare HTTP clients,
    their answers thrown away. They try one to eight connections, with the fewer runs, and take the
    best; meta_orch reads over as many as its documentation advises. They take turns, and each
    reading is compared with those of the bare clients before and after it.

    Client, collector and server share the machine's two cores.
"""

ROOT = Path(__file__).parent.parent
_TASKS = ("/taskInstances", "/task_runs/")


@dataclass(frozen=True)
class Found:
    version: str
    extent: Extent
    requests: int
    raw: Sample
    """Wall seconds of all pages."""
    raw_connections: int
    connections: int
    """How many meta_orch reads over."""
    raw_runs: float
    raw_tasks: float
    """Wall seconds of either kind of page."""
    wall: Sample
    share: Sample
    """Of the raw rate, in percent."""
    cpu: Sample
    server_cpu: Sample
    megabytes: Sample
    missed: int

    def row(self) -> tuple[object, ...]:
        return (
            self.version,
            f"{self.extent.runs:,}",
            f"{self.requests:,}",
            self.raw,
            self.raw_connections,
            self.wall,
            self.connections,
            self.share,
            self.cpu,
            self.server_cpu,
            f"{self.megabytes.median:.0f}",
            self.missed,
        )

    def rates(self) -> tuple[object, ...]:
        runs, task_runs = self.extent.runs, self.extent.runs * self.extent.tasks
        return (
            self.version,
            f"{runs:,}",
            f"{runs / self.raw_runs:,.0f}",
            f"{task_runs / self.raw_tasks:,.0f}" if self.raw_tasks else "",
            f"{(runs + task_runs) / self.raw.median:,.0f}",
            f"{(runs + task_runs) / self.wall.median:,.0f}",
        )


def run(settings: Settings, say: Say) -> Sequence[Table]:
    found: list[Found] = []
    tried: list[tuple[object, ...]] = []
    for kind in (PastAirflow, PastPrefect):
        best: int | None = None
        for runs, times in zip(settings.past_runs, settings.past_loads, strict=True):
            extent = Extent(settings.past_pipelines, runs)
            past = kind(settings.folder / f"{kind.type}_{runs}", extent)
            say(f"{kind.type}: making {runs:,} runs")
            past.seed(datetime.now(UTC))
            with past:
                reading = _Reading(past, settings.folder, say)
                if best is None:
                    seconds = {each: reading.raw(each) for each in settings.past_connections}
                    best = min(seconds, key=seconds.__getitem__)
                    tried += [
                        (reading.version, f"{runs:,}", connections, Sample.of([wall]))
                        for connections, wall in seconds.items()
                    ]
                found.append(_measure(reading, best, times))
    return [
        Table(
            "Seconds to read all runs and task runs",
            (
                *("server", "runs", "requests", "raw s", "at connections", "meta_orch s"),
                *("at connections", "% of the raw rate", "CPU s", "the server's", "MB", "missed"),
            ),
            [each.row() for each in found],
        ),
        Table(
            "Rows a second",
            (
                *("server", "runs", "raw: runs alone", "raw: task runs alone"),
                *("raw: all", "meta_orch: all"),
            ),
            [each.rates() for each in found],
        ),
        Table(
            "Connections that bare clients tried",
            ("server", "runs", "connections", "raw s"),
            tried,
        ),
    ]


def _measure(reading: _Reading, raw_connections: int, times: int) -> Found:
    """Args:
    times: how often all is read by meta_orch, and by bare clients between and around that.
    """
    raw = [reading.raw(raw_connections)]
    loads: list[Mapping[str, float]] = []
    for _ in range(times):
        loads.append(reading.load())
        raw.append(reading.raw(raw_connections))
    walls = [load["wall"] for load in loads]
    around = zip(raw, raw[1:], walls, strict=False)
    extent = reading.past.extent
    expected = extent.runs * (1 + extent.tasks)
    return Found(
        reading.version,
        extent,
        len(reading.pages),
        Sample.of(raw),
        raw_connections,
        reading.past.connections,
        reading.raw(raw_connections, tasks=False),
        reading.raw(raw_connections, tasks=True),
        Sample.of(walls),
        Sample.of(100 * (before + after) / 2 / wall for before, after, wall in around),
        *(Sample.of(load[name] for load in loads) for name in ("cpu", "server_cpu", "megabytes")),
        missed=max(expected - int(load["runs"] + load["task_runs"]) for load in loads),
    )


class _Reading:
    """All pages of a server that runs, and two ways to read them."""

    def __init__(self, past: SeededPast, folder: Path, say: Say) -> None:
        self.past = past
        self.version = past.version()
        self._folder = folder
        self._say = say
        self._loads = 0
        with CountingProxy(past.server.url) as proxy:
            self._load(proxy.url)
            self._server = proxy.server
            self.pages = [each for each in proxy.exchanges if past.is_page(each.target)]

    def raw(self, connections: int, *, tasks: bool | None = None) -> float:
        """Wall seconds of bare clients.

        Args:
            tasks: only the pages with task runs, or only those without.
        """
        self._say(f"{self.version}: {self.past.extent.runs:,} runs raw, {connections} at once")
        pages = [page for page in self.pages if tasks in (None, _is_of_tasks(page))]
        return measure(lambda: _replay(self._server, pages, connections))[1].wall

    def load(self) -> Mapping[str, float]:
        """What a first load takes, and how much it read."""
        self._say(f"{self.version}: {self.past.extent.runs:,} runs by meta_orch")
        return self._load(self.past.server.url)

    def _load(self, url: str) -> Mapping[str, float]:
        self._loads += 1
        past = self.past
        folder = self._folder / f"{past.type}_{past.extent.runs}_{self._loads}"
        return _load(past, folder, url)


def _is_of_tasks(page: Exchange) -> bool:
    return any(part in page.target for part in _TASKS)


def _load(past: SeededPast, folder: Path, url: str) -> Mapping[str, float]:
    """Read everything into an empty store in `folder`."""
    folder.mkdir()
    config = past.config(url, lookback="31d", connections=past.connections).model_dump(mode="json")
    wanted = ("name", "type", "url", "login", "lookback", "connections")
    configuration = folder / "meta_orch.yaml"
    configuration.write_text(json.dumps({"instances": [{name: config[name] for name in wanted}]}))
    command = [sys.executable, "-m", "benchmarks.programs.initial_load", str(configuration)]
    processes = [process.pid for process in past.server.processes]
    before = cpu_of(processes)
    done = subprocess.run(  # noqa: S603  # this package's own program
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return {**json.loads(done.stdout), "server_cpu": cpu_of(processes) - before}


def _replay(server: tuple[str, int], pages: Sequence[Exchange], connections: int) -> None:
    """Ask for all pages, so many at once."""
    waiting: SimpleQueue[Exchange] = SimpleQueue()
    for page in pages:
        waiting.put(page)

    def next_pages() -> Iterator[Exchange]:
        with suppress(Empty):
            while True:
                yield waiting.get_nowait()

    def work() -> None:
        replay(server, next_pages())

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
