"""Pipelines and their tasks: what an orchestrator is set up to run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from meta_orch.domain.schedules import Schedule


@dataclass(frozen=True, slots=True, order=True)
class PipelineKey:
    """The identity of a pipeline across every orchestrator.

    `instance` is the name in `meta_orch.yaml`. `name` is the name that people type in the
    orchestrator itself, unique within the instance: `daily_orders` (an Airflow DAG),
    `serve-orders/nightly` (a Prefect flow and its deployment), `sales/refresh` (a Dagster code
    location and its job). A `/` separates the parts of a name and is never within one.
    """

    instance: str
    name: str

    def __str__(self) -> str:
        return f"{self.instance}/{self.name}"

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of this pipeline's asset key, the instance first."""
        return (self.instance, *self.name.split("/"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes.

        Raises:
            ValueError: the text does not name both an instance and a pipeline.
        """
        instance, separator, name = text.partition("/")
        if not (instance and separator and name):
            raise ValueError(f"{text!r} is not a pipeline: write it as INSTANCE/NAME")
        return cls(instance, name)


@dataclass(frozen=True, slots=True)
class AssetRef:
    """A piece of data that a pipeline reads or writes, as its orchestrator names it."""

    uri: str
    name: str | None = None
    told_by: str | None = None
    """What says so, where it is not the orchestrator."""


@dataclass(frozen=True, slots=True)
class Task:
    """One step of a pipeline. Edges are kept on the downstream end."""

    name: str
    kind: str | None = None
    """The operator class or decorator, in the orchestrator's word."""
    upstream: tuple[str, ...] = ()
    """Names of the tasks it waits for, sorted."""
    retries: int | None = None
    timeout: timedelta | None = None
    pool: str | None = None
    trigger_rule: str | None = None
    is_mapped: bool = False
    """Whether one run of the pipeline may hold many runs of this task."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A DAG, a deployment of a flow, or a job."""

    key: PipelineKey
    orchestrator: str
    """The adapter's type: `airflow`, `prefect`, `dagster`, or another package's."""
    native_id: str
    """What the orchestrator's API calls it by."""
    description: str | None = None
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    is_paused: bool = False
    url: str | None = None
    """The pipeline's page in its orchestrator."""
    version: str | None = None
    """Changes whenever the definition does; opaque."""
    source_path: str | None = None
    """Where the definition lies: a file, or `file:function`."""
    schedules: tuple[Schedule, ...] = ()
    """Empty where only people and other pipelines start it."""
    tasks: tuple[Task, ...] = ()
    consumes: tuple[AssetRef, ...] = ()
    produces: tuple[AssetRef, ...] = ()
    triggers: tuple[PipelineKey, ...] = ()
    """Pipelines that it starts itself, as far as its orchestrator knows."""
    waits_for: tuple[PipelineKey, ...] = ()
    """Pipelines whose runs a task of it waits for: an Airflow `ExternalTaskSensor`."""
    max_active_runs: int | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A limit on how much runs at once: an Airflow pool, a Prefect work pool or concurrency limit,
    a Dagster pool."""

    instance: str
    name: str
    slots: int | None
    """None where there is no limit."""
    running: int | None = None
    queued: int | None = None
