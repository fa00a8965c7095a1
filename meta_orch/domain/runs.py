"""Runs and task runs: what happened, and what is happening."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import Window, as_utc

_REVISIONS = UUID("6f1d6a6e-5c0e-4f5e-9a53-0b7d2f6a3c11")


@dataclass(frozen=True, slots=True, order=True)
class RunKey:
    """The identity of a run. `run_id` is the orchestrator's own and unique within the pipeline."""

    pipeline: PipelineKey
    run_id: str


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a pipeline, as last seen."""

    key: RunKey
    state: RunState
    native_state: str
    attempt: int = 1
    """Counts from 1. Airflow does not number the attempts of a run: there it is always 1, and a
    cleared run is told apart by its times."""
    trigger: RunTrigger = RunTrigger.UNKNOWN
    logical_window: Window | None = None
    """The span of data it is for, where the orchestrator has that notion; empty for an instant."""
    scheduled_at: datetime | None = None
    """When it was due."""
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON values; the values of keys that look like secrets are masked."""
    parent_run_id: str | None = None
    """The run, of any pipeline of the same instance, that started this one."""
    pipeline_version: str | None = None
    queue: str | None = None
    """What a worker takes it from: Prefect's work queue, as `POOL/QUEUE`."""
    message: str | None = None
    """What the orchestrator says of the state, shortened."""
    url: str | None = None

    @property
    def duration(self) -> timedelta | None:
        """From start to end; None while it runs or when it never started."""
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at

    @property
    def effective_at(self) -> datetime | None:
        """When the state it is in took effect, as well as is known: the end of a finished run, and
        otherwise the last of start, queueing and due time. Orders the runs of a pipeline."""
        end = self.ended_at if self.state.is_terminal else None
        return end or self.started_at or self.queued_at or self.scheduled_at

    @property
    def due_at(self) -> datetime | None:
        """Up to when the data goes that it is for: the end of its window, or when it was due, or
        otherwise when it began. Tells which tick of its pipeline's schedule it belongs to."""
        if self.logical_window is not None:
            return self.logical_window.end
        return self.scheduled_at or self.queued_at or self.started_at

    @property
    def revision_id(self) -> UUID:
        """Names this outcome of this run: the same wherever and however often it is computed.

        A run that is retried, cleared and run again, or set to another state by hand has a new
        revision each time, since a finished run may be changed (Airflow keeps its id, and even its
        end where only the state was edited).
        """
        return uuid5(
            _REVISIONS,
            "\n".join(
                (
                    self.key.pipeline.instance,
                    self.key.pipeline.name,
                    self.key.run_id,
                    str(self.attempt),
                    self.state.value,
                    as_utc(self.started_at).isoformat() if self.started_at else "",
                    as_utc(self.ended_at).isoformat() if self.ended_at else "",
                )
            ),
        )


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One attempt of one task in one run."""

    run: RunKey
    task: str
    task_run_id: str
    """Unique within the run, the same for every attempt: for Airflow the task and its map index,
    for Prefect the task run's id."""
    state: RunState
    native_state: str
    attempt: int = 1
    map_index: int | None = None
    scheduled_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    pool: str | None = None
    slots: int = 1
    """How many of the pool's it takes."""
    queue: str | None = None
    """What a worker takes it from: the queue of an Airflow executor."""
    worker: str | None = None
    upstream_task_run_ids: tuple[str, ...] = ()
    """Known where edges are per run (Prefect); Airflow's are on the tasks."""
    child_run_id: str | None = None
    """The subflow run that this task run stands for."""
    message: str | None = None
    url: str | None = None
