"""A company whose pipelines fail, run late and recover, and the alerts that come of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from meta_orch.alerts.alerting import Alerter, Look
from meta_orch.alerts.delivery.outbox import Outbox
from meta_orch.alerts.watching import Watch
from meta_orch.config import EdgeConfig, InstanceConfig, MetaOrchConfig
from meta_orch.config.alerts import AlertsConfig
from meta_orch.config.models import StoreConfig
from meta_orch.dependencies.gates import KnownGates
from meta_orch.domain.incidents import Incident
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.store import CollectorStatus, Store, StoreWriter
from meta_orch.testing.builders import NOON, make_pipeline, make_run
from meta_orch_tests.store.memory import MemoryStore

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FILE = {"name": "team", "type": "file", "path": "messages.jsonl"}
AT_ONCE = {"receiver": "team", "group_wait": "1s", "group_interval": "1s"}


class CompanyStore(MemoryStore):
    """Several receivers are sent to, and write, at once."""

    def __init__(self, writer: StoreWriter) -> None:
        super().__init__(writer)
        self._lock = threading.Lock()

    @contextmanager
    def write(self) -> Iterator[StoreWriter]:
        with self._lock, super().write() as writer:
            yield writer


@dataclass
class Company:
    """Airflow and Prefect. Time stands still until `wait`."""

    folder: Path
    memory: CompanyStore | None = None
    """None for a file."""
    alerts: dict[str, Any] = field(
        default_factory=lambda: {"receivers": [FILE], "route": {"receiver": "team"}}
    )
    edges: tuple[tuple[str, str], ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    """Other sections of the configuration."""
    now: datetime = NOON
    pipelines: dict[PipelineKey, Pipeline] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    _last_run: int = 0
    _alerter: Alerter | None = None

    @property
    def config(self) -> MetaOrchConfig:
        whole = MetaOrchConfig(
            instances=(
                InstanceConfig(name="airflow", type="airflow", url="http://a"),
                InstanceConfig(name="prefect", type="prefect", url="http://p"),
            ),
            store=StoreConfig(path=self.folder / "store.duckdb"),
            edges=tuple(EdgeConfig(upstream=up, downstream=down) for up, down in self.edges),
            alerts=AlertsConfig.model_validate(self.alerts),
            **self.more,
        )
        return whole.within(self.folder)

    @property
    def store(self) -> Store:
        return self.memory or Store(self.config.store.path)

    def has(self, *names: str, **fields: Any) -> None:
        """Pipelines, as `INSTANCE/NAME`."""
        for name in names:
            key = PipelineKey.parse(name)
            self.pipelines[key] = make_pipeline(key.name, key.instance, **fields)
        with self.store.write() as writer:
            for instance in ("airflow", "prefect"):
                found = tuple(p for p in self.pipelines.values() if p.key.instance == instance)
                writer.save_catalogue(instance, Catalogue(found, "1"), self.now)
        self._read()

    def ran(
        self,
        name: str,
        state: RunState = RunState.SUCCEEDED,
        *,
        minutes: float = 10,
        **fields: Any,
    ) -> Run:
        """A run that ended just now, or has gone on for so long."""
        return self.ran_all([name], state, minutes=minutes, **fields)[0]

    def ran_all(
        self, names: Iterable[str], state: RunState, *, minutes: float = 10, **fields: Any
    ) -> list[Run]:
        began = self.now - minutes * MINUTE
        runs = []
        for name in names:
            self._last_run += 1
            values = {
                "scheduled_at": began,
                "queued_at": began,
                "started_at": None if state is RunState.QUEUED else began,
                "ended_at": self.now if state.is_terminal else None,
                **fields,
            }
            run_id = values.pop("run_id", f"run_{self._last_run}")
            runs.append(make_run(run_id, PipelineKey.parse(name), state, **values))
        with self.store.write() as writer:
            for instance in {run.key.pipeline.instance for run in runs}:
                own = tuple(run for run in runs if run.key.pipeline.instance == instance)
                writer.save_changes(instance, Changes("1", own), self.now)
        self._read()
        return runs

    def fails(self, name: str, message: str | None = None, **fields: Any) -> Run:
        return self.ran(name, RunState.FAILED, message=message, **fields)

    def wait(self, by: timedelta) -> None:
        self.now += by
        self._read()

    def _read(self) -> None:
        """As the collectors do."""
        with self.store.write() as writer:
            for instance in {"airflow", "prefect"} - self.unreachable:
                read_at = self.now if self.pipelines else None
                writer.save_collector(
                    CollectorStatus(instance, self.now, self.now, True, None, "3", read_at)
                )

    def look(self) -> Look:
        """As the sensor does."""
        if self._alerter is None:
            self.restart()
        assert self._alerter is not None
        return self._alerter.look()

    def restart(self) -> None:
        """What was not in the store is forgotten."""
        config = self.config
        self._alerter = Alerter(
            config, self.store, Watch(config, KnownGates(config)), "http://ui", lambda: self.now
        )

    def live(self, lasts: timedelta, every: timedelta = 30 * timedelta(seconds=1)) -> None:
        """Look and send, again and again."""
        until = self.now + lasts
        while self.now < until:
            self.wait(every)
            self.look()
            self.send()

    def send(self) -> None:
        Outbox(self.config.alerts, self.store, lambda: self.now).send(self.now + MINUTE)

    def told(self, name: str = "messages.jsonl") -> list[Mapping[str, Any]]:
        """What the receiver `team` was told so far."""
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.told()]

    @property
    def incidents(self) -> dict[int, Incident]:
        with self.store.read() as reader:
            return {incident.id: incident for incident in reader.alerting.incidents()}

    @property
    def open(self) -> list[Incident]:
        return [incident for incident in self.incidents.values() if incident.state.is_open]

    def timeline(self, incident: int = 1) -> list[str]:
        with self.store.read() as reader:
            return [f"{e.kind.value}: {e.text}" for e in reader.alerting.timeline(incident)]
