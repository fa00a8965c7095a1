"""Dagster's runs in one form, whichever way they were read, and that form as domain types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from meta_orch.domain.health import Problem
from meta_orch.domain.logs import LogPage
from meta_orch.domain.marks import MIRRORED_TAG, PIPELINE_TAG
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.secrets import mask_secrets
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.base import Server

TYPE = "dagster"

REQUEST_TAG = "meta_orch/request_id"
"""On the runs that `start_run` asked for."""

_STATES = {
    "QUEUED": RunState.QUEUED,
    "NOT_STARTED": RunState.QUEUED,
    "MANAGED": RunState.QUEUED,
    "STARTING": RunState.QUEUED,
    "STARTED": RunState.RUNNING,
    "CANCELING": RunState.CANCELING,
    "SUCCESS": RunState.SUCCEEDED,
    "FAILURE": RunState.FAILED,
    "CANCELED": RunState.CANCELED,
}
OPEN_STATUSES = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING")
_STEP_STATES = {
    "IN_PROGRESS": RunState.RUNNING,
    "SUCCESS": RunState.SUCCEEDED,
    "FAILURE": RunState.FAILED,
    "SKIPPED": RunState.SKIPPED,
}
# The first tag that a run carries says what started it. A re-execution keeps the tags of the run
# that it repeats, so its own come first.
_TRIGGER_TAGS = (
    ("dagster/parent_run_id", RunTrigger.PARENT),
    ("dagster/backfill", RunTrigger.BACKFILL),
    ("dagster/schedule_name", RunTrigger.SCHEDULE),
    ("dagster/from_automation_condition", RunTrigger.ASSET),
    ("dagster/auto_materialize", RunTrigger.ASSET),
    ("dagster/sensor_name", RunTrigger.SENSOR),
)
_MAPPED_STEP = re.compile(r"^(?P<task>.*)\[(?P<mapping>[^\[\]]*)\]$")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a run, its attempts taken together."""

    key: str
    status: str | None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class RunRow:
    run_id: str
    job: str
    location: str | None
    """The code location; None for a run that was executed outside of one."""
    status: str
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Any = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    parent_run_id: str | None = None
    snapshot_id: str | None = None
    steps: tuple[StepRow, ...] = ()

    @property
    def pipeline_name(self) -> str:
        return f"{self.location}/{self.job}" if self.location else self.job

    @property
    def is_mirrored(self) -> bool:
        return is_mirrored(self.tags)


def is_mirrored(tags: Mapping[str, str]) -> bool:
    """Whether a job or a run stands for another orchestrator's, so is none of Dagster's own."""
    return MIRRORED_TAG in tags or PIPELINE_TAG in tags


class Source(Protocol):
    """One Dagster deployment: the instance at hand, or another's GraphQL API."""

    def read_server(self) -> Server: ...

    def read_fingerprint(self) -> str: ...

    def read_pipelines(self, known: Mapping[PipelineKey, Pipeline]) -> tuple[Pipeline, ...]: ...

    def read_runs(self, *, updated_after: datetime, before: str | None, limit: int) -> list[RunRow]:
        """Runs that were updated later, by falling id; `before` is the last run read."""
        ...

    def read_open_runs(self, *, before: str | None, limit: int) -> list[RunRow]:
        """Runs that have not ended, by falling id."""
        ...

    def read_runs_by_id(self, run_ids: list[str]) -> list[RunRow]:
        """Those that exist."""
        ...

    def list_runs(
        self, job: str, *, updated_after: datetime, before: str | None, limit: int
    ) -> list[RunRow]:
        """Runs of the jobs of that name that were updated later, by falling id, without steps and
        configuration; `before` is the last run listed."""
        ...

    def now(self) -> datetime:
        """The server's clock when it was last asked."""
        ...

    def run_url(self, run_id: str) -> str | None: ...

    def check_may_start_runs(self) -> None: ...

    def start_run(
        self, pipeline: Pipeline, *, request_id: str, parameters: Mapping[str, Any]
    ) -> RunRow: ...

    def read_log(self, run_id: str, cursor: str | None) -> LogPage: ...

    def read_health(self) -> tuple[Problem, ...]: ...

    def cancel_run(self, run_id: str) -> None: ...

    def close(self) -> None: ...


def to_run(row: RunRow, key: RunKey, url: str | None) -> Run:
    return Run(
        key=key,
        state=_STATES.get(row.status, RunState.UNKNOWN),
        native_state=row.status,
        attempt=_attempt(row.tags),
        trigger=_trigger(row.tags),
        scheduled_at=parse_instant(row.tags.get(".dagster/scheduled_execution_time")),
        queued_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        parameters=_parameters(row.config),
        parent_run_id=row.parent_run_id,
        pipeline_version=row.snapshot_id,
        message=row.tags.get("dagster/failure_reason"),
        url=url,
    )


def to_task_runs(row: RunRow, key: RunKey, url: str | None) -> tuple[TaskRun, ...]:
    return tuple(
        TaskRun(
            run=key,
            task=task_name(step.key),
            task_run_id=step.key,
            state=_STEP_STATES.get(step.status or "", RunState.UNKNOWN),
            native_state=step.status or "UNKNOWN",
            attempt=step.attempts,
            started_at=step.started_at,
            ended_at=step.ended_at,
            url=f"{url}?selection={step.key}" if url else None,
        )
        for step in row.steps
    )


def task_name(step_key: str) -> str:
    """The op of a step; the steps of a dynamic output are `op[key]`."""
    mapped = _MAPPED_STEP.match(step_key)
    return mapped["task"] if mapped else step_key


def instant(seconds: float | None) -> datetime | None:
    """From seconds since 1970, the way Dagster keeps times."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _attempt(tags: Mapping[str, str]) -> int:
    """Automatic retries are runs of their own, each with its number."""
    number = tags.get("dagster/retry_number", "")
    return int(number) + 1 if number.isdecimal() else 1


def _trigger(tags: Mapping[str, str]) -> RunTrigger:
    for tag, trigger in _TRIGGER_TAGS:
        if tag in tags:
            return trigger
    return RunTrigger.MANUAL


def _parameters(config: Any) -> dict[str, Any]:
    return mask_secrets(dict(config)) if isinstance(config, Mapping) else {}
