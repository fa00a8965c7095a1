"""What looking for what is wrong costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.company import found, give_past, make_pipelines, make_run
from benchmarks.measuring import Cost, Sample, measure, ratio
from benchmarks.reporting import Table
from benchmarks.settings import Say, Settings
from meta_orch.alerts.alerting import Alerter, Look
from meta_orch.alerts.watching import Watch
from meta_orch.config import MetaOrchConfig, load_config
from meta_orch.dependencies.gates import KnownGates
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run
from meta_orch.store import CollectorStatus, Store

NAME = "alerts"
TITLE = "A look for what is wrong"
METHOD = """
    A made-up company's pipelines, each with three runs behind it. The sensor looks: what is wrong
    by every rule, which incident it belongs to, who is told. `first` reads all, as a process does
    that has just begun; at a quiet look nothing has happened since; at a busy one a hundredth of
    the pipelines have run since, and a fifth of these failed, which is written.

    The yardstick is the store itself: the question for the facts of the pipelines that the look
    asks about, its answer thrown away.
"""

_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
_RUNS = 3
_SHARE = 100
_FAILS = 5


def run(settings: Settings, say: Say) -> Sequence[Table]:
    rows = [row for size in settings.catalogues for row in _rows(size, settings, say)]
    columns = ("pipelines", "incidents", "what", "CPU s", "to the store's")
    return [Table("CPU seconds of a look", columns, rows)]


class _Company:
    def __init__(self, folder: Path, pipelines: int) -> None:
        self.keys = [pipeline.key for pipeline in make_pipelines(pipelines)]
        self.config: MetaOrchConfig = load_config(found(folder, pipelines))
        self.store = Store(self.config.store.path)
        give_past(folder, _RUNS, _NOW)
        self.now = _NOW
        self._read()
        gates = KnownGates(self.config)
        self.alerter = Alerter(
            self.config, self.store, Watch(self.config, gates), None, lambda: self.now
        )

    def wait(self) -> None:
        self.now += timedelta(minutes=1)
        self._read()

    def _read(self) -> None:
        with self.store.write() as writer:
            for instance in {key.instance for key in self.keys}:
                writer.save_collector(
                    CollectorStatus(instance, self.now, self.now, True, None, "3", _NOW)
                )

    def go_on(self, tick: int) -> list[str]:
        """The pipelines that have run."""
        chosen = self.keys[tick % _SHARE :: _SHARE]
        runs: dict[str, list[Run]] = {}
        for number, key in enumerate(chosen):
            failed = number % _FAILS == 0
            made = make_run(key, f"later_{tick}", self.now, failed=failed)
            runs.setdefault(key.instance, []).append(made)
        with self.store.write() as writer:
            for instance, of_instance in runs.items():
                writer.save_changes(instance, Changes("1", tuple(of_instance)), self.now)
        return [str(key) for key in chosen]

    def look(self) -> tuple[Look, Cost]:
        return measure(self.alerter.look)

    def ask(self, pipelines: Sequence[str] | None) -> Cost:
        def facts() -> None:
            with self.store.read() as reader:
                reader.alerting.facts(self.now, pipelines)

        return measure(facts)[1]


def _rows(pipelines: int, settings: Settings, say: Say) -> Sequence[tuple[object, ...]]:
    company = _Company(settings.folder / f"alerts_{pipelines}", pipelines)
    say(f"looking at {pipelines:,} pipelines")
    look, first = company.look()
    size = f"{pipelines:,}"
    rows: list[tuple[object, ...]] = []

    def add(what: str, found: Look, looks: Sample, asked: Sample) -> None:
        incidents = f"{len(found.open):,}"
        rows.append((size, incidents, what, looks, ratio(looks, asked)))

    add("first", look, Sample((first.cpu,)), Sample((company.ask(None).cpu,)))
    quiet: list[float] = []
    busy: list[float] = []
    asked: list[float] = []
    for _ in range(settings.ticks):
        company.wait()
        look, cost = company.look()
        quiet.append(cost.cpu)
    nothing = [company.ask([]).cpu for _ in range(settings.ticks)]
    add("quiet", look, Sample.of(quiet), Sample.of(nothing))
    for tick in range(settings.ticks):
        company.wait()
        changed = company.go_on(tick)
        asked.append(company.ask(changed).cpu)
        look, cost = company.look()
        busy.append(cost.cpu)
    add("busy", look, Sample.of(busy), Sample.of(asked))
    return rows
