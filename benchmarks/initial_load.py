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

    The yardstick is the server itself: the same requests, byte for byte, sent by bare HTTP clients
    over one to eight connections, with more runs over as many as were best, their answers thrown
    away. The least of these is what the server takes to give the pages; the reading is compared to
    it.

    Client, collector and server share the machine's two cores.
"""

ROOT = Path(__file__).parent.parent
_CONNECTIONS = (1, 2, 4, 8)
_TASKS = ("/taskInstances", "/task_runs/")


@dataclass(frozen=True)
class Found:
    version: str
    extent: Extent
    requests: int
    raw: Mapping[int, Sample]
    """Wall seconds of all pages, by the number of connections."""
    raw_runs: float
    raw_tasks: float
    """Wall seconds of either kind of page, at the best number of connections."""
    wall: Sample
    cpu: Sample
    server_cpu: Sample
    megabytes: Sample
    missed: int

    @property
    def best(self) -> int:
        """The number of connections that the pages were read over soonest."""
        return min(self.raw, key=lambda connections: self.raw[connections].median)

    def row(self) -> tuple[object, ...]:
        best = self.best
        raw = self.raw[best]
        return (
            self.version,
            f"{self.extent.runs:,}",
            f"{self.requests:,}",
            raw,
            best,
            self.wall,
            f"{100 * raw.median / self.wall.median:.0f}%",
            self.cpu,
            self.server_cpu,
            f"{self.megabytes.median:.0f}",
            self.missed,
        )

    def rates(self) -> tuple[object, ...]:
        runs, task_runs = self.extent.runs, self.extent.runs * self.extent.tasks
        by_connections = ", ".join(
            f"{count}: {(runs + task_runs) / seconds.median:,.0f}"
            for count, seconds in self.raw.items()
        )
        return (
            self.version,
            f"{runs:,}",
            f"{runs / self.raw_runs:,.0f}",
            f"{task_runs / self.raw_tasks:,.0f}" if self.raw_tasks else "",
            by_connections,
            f"{(runs + task_runs) / self.wall.median:,.0f}",
        )


def run(settings: Settings, say: Say) -> Sequence[Table]:
    found = [
        each for kind in (PastAirflow, PastPrefect) for each in _measure_sizes(kind, settings, say)
    ]
    return [
        Table(
            "Seconds to read all runs and task runs",
            (
                *("server", "runs", "requests", "raw s", "at connections", "meta_orch s"),
                *("of the raw rate", "CPU s", "the server's", "MB", "missed"),
            ),
            [each.row() for each in found],
        ),
        Table(
            "Rows a second",
            (
                *("server", "runs", "raw: runs alone", "raw: task runs alone"),
                *("raw: all, by connections", "meta_orch: all"),
            ),
            [each.rates() for each in found],
        ),
    ]


def _measure_sizes(
    kind: type[PastAirflow | PastPrefect], settings: Settings, say: Say
) -> Iterator[Found]:
    """With the least runs, bare clients try several numbers of connections; with more, the best."""
    connections: Sequence[int] = _CONNECTIONS
    for runs, times in zip(settings.past_runs, settings.past_loads, strict=True):
        extent = Extent(settings.past_pipelines, runs)
        past = kind(settings.folder / f"{kind.type}_{runs}", extent)
        found = _measure(past, connections, times, settings, say)
        connections = (found.best,)
        yield found


def _measure(
    past: SeededPast, connections: Sequence[int], times: int, settings: Settings, say: Say
) -> Found:
    """Args:
    connections: how many the pages are read over by bare clients, one number after the other.
    times: how often all is read, by them and by meta_orch.
    """
    runs = past.extent.runs
    say(f"{past.type}: making {runs:,} runs")
    past.seed(datetime.now(UTC))
    with past:
        version = past.version()
        say(f"{version}: noting the requests for {runs:,} runs")
        with CountingProxy(past.server.url) as proxy:
            _load(past, settings.folder / f"{past.type}_{runs}_noted", proxy.url)
            server = proxy.server
            pages = [each for each in proxy.exchanges if past.is_page(each.target)]
        raw: dict[int, list[float]] = {count: [] for count in connections}
        loads: list[Mapping[str, float]] = []
        for number in range(times):
            for count in connections:
                say(f"{version}: {runs:,} runs raw, {count} at once")
                raw[count].append(
                    measure(lambda count=count: _replay(server, pages, count))[1].wall
                )
            say(f"{version}: {runs:,} runs by meta_orch")
            folder = settings.folder / f"{past.type}_{runs}_{number}"
            loads.append(_load(past, folder, past.server.url))
        best = min(raw, key=lambda count: sum(raw[count]))
        task_pages = [page for page in pages if any(part in page.target for part in _TASKS)]
        run_pages = [page for page in pages if page not in task_pages]
        raw_runs = measure(lambda: _replay(server, run_pages, best))[1].wall
        raw_tasks = measure(lambda: _replay(server, task_pages, best))[1].wall
    expected = runs * (1 + past.extent.tasks)
    return Found(
        version,
        past.extent,
        len(pages),
        {count: Sample.of(seconds) for count, seconds in raw.items()},
        raw_runs,
        raw_tasks,
        *(
            Sample.of(load[name] for load in loads)
            for name in ("wall", "cpu", "server_cpu", "megabytes")
        ),
        missed=max(expected - int(load["runs"] + load["task_runs"]) for load in loads),
    )


def _load(past: SeededPast, folder: Path, url: str) -> Mapping[str, float]:
    """Read everything into an empty store in `folder`."""
    folder.mkdir()
    config = past.config(url, lookback="31d").model_dump(mode="json")
    wanted = ("name", "type", "url", "login", "lookback")
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
