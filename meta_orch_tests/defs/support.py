"""One code location over a fake orchestrator, ticked by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from dagster import (
    AssetCheckKey,
    AssetKey,
    DagsterInstance,
    Definitions,
    RunRequest,
    SensorResult,
    SkipReason,
    build_sensor_context,
)

from meta_orch.config import EdgeConfig, InstanceConfig, MetaOrchConfig, StoreConfig
from meta_orch.config.alerts import AlertsConfig
from meta_orch.config.models import (
    AnalyticsConfig,
    DagsterConfig,
    GateConfig,
    OpenLineageConfig,
    ReportsConfig,
    ResourceConfig,
    SlaConfig,
    TriggerConfig,
)
from meta_orch.defs import build_definitions
from meta_orch.defs.mirror import latest_verdicts
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.store import Store
from meta_orch.testing.builders import make_pipeline, make_run
from meta_orch.testing.fake import FakeOrchestrator

NAME = "fake"


@dataclass
class World:
    """An orchestrator, a store and a Dagster instance. Time stands still until `wait`."""

    dagster: DagsterInstance
    folder: Path
    fake: FakeOrchestrator = field(default_factory=lambda: FakeOrchestrator(NAME))
    others: tuple[InstanceConfig, ...] = ()
    history: int = 20
    edges: tuple[EdgeConfig, ...] = ()
    gates: tuple[GateConfig, ...] = ()
    triggers: tuple[TriggerConfig, ...] = ()
    slas: tuple[SlaConfig, ...] = ()
    resources: tuple[ResourceConfig, ...] = ()
    analytics: AnalyticsConfig = field(default_factory=AnalyticsConfig)
    openlineage: tuple[OpenLineageConfig, ...] = ()
    report_to: tuple[str, ...] = ()
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    acting: Literal["live", "dry-run"] = "live"
    cursor: str | None = None

    @property
    def config(self) -> MetaOrchConfig:
        return MetaOrchConfig(
            instances=(
                InstanceConfig(name=NAME, type="fake", read_only=self.fake.read_only),
                *self.others,
            ),
            store=StoreConfig(path=self.folder / "store.duckdb"),
            dagster=DagsterConfig(history_per_pipeline=self.history),
            edges=self.edges,
            gates=self.gates,
            triggers=self.triggers,
            slas=self.slas,
            reports=ReportsConfig(url=str(self.folder / "reports"), send_to=self.report_to),
            resources=self.resources,
            analytics=self.analytics,
            openlineage=self.openlineage,
            alerts=self.alerts,
            acting=self.acting,
        )

    @property
    def store(self) -> Store:
        return Store(self.config.store.path)

    def now(self) -> datetime:
        return self.fake.now

    def wait(self, **by: float) -> None:
        self.fake.advance(timedelta(**by))

    def connect(self, _config: InstanceConfig, _dagster: DagsterInstance) -> FakeOrchestrator:
        return self.fake

    def load(self, **overrides: Any) -> Definitions:
        return build_definitions(
            self.config, **{"connect": self.connect, "clock": self.now, **overrides}
        )

    def tick(self, defs: Definitions | None = None) -> RunRequest | SkipReason:
        """Evaluate the sensor once, as the daemon does: what it raises leaves the cursor."""
        context = build_sensor_context(instance=self.dagster, cursor=self.cursor)
        sensor = (defs or self.load()).resolve_sensor_def(f"{NAME}__collector")
        result = sensor(context)
        assert isinstance(result, RunRequest | SkipReason)
        assert not isinstance(result, SensorResult)
        self.cursor = context.cursor
        return result

    def said(self) -> str:
        """What a quiet tick says."""
        result = self.tick()
        assert isinstance(result, SkipReason)
        return result.skip_message or ""

    def finish(self, name: str, run_id: str = "run", state: RunState = RunState.SUCCEEDED) -> Run:
        """A run of a pipeline, made where it is missing, that took the last minute."""
        pipeline = self.fake.add_pipeline(name)
        return self.fake.add_run(
            make_run(
                run_id,
                pipeline,
                state,
                started_at=self.now() - timedelta(minutes=1),
                ended_at=self.now(),
            )
        )

    def add_pipelines(self, count: int) -> None:
        for number in range(count):
            self.fake.add_pipeline(make_pipeline(f"pipeline_{number:03}", NAME))

    def verdict(self, check: str, *path: str) -> bool | None:
        key = AssetCheckKey(AssetKey([NAME, *path]), check)
        return latest_verdicts(self.dagster, [key]).get(key)

    def statuses(self) -> dict[str, str]:
        """Of the mirrored runs, by the external run's id."""
        return {
            run.tags["meta_orch/run_id"]: run.status.value
            for run in self.dagster.get_runs()
            if "meta_orch/run_id" in run.tags
        }
