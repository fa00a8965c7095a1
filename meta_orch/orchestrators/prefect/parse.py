"""Prefect's JSON as domain types.

Unknown fields are ignored and missing ones left empty, as servers of other versions have others;
an identity that is missing or an instant that is no instant raises.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from meta_orch.domain.pipelines import PipelineKey, Pool, Task
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.secrets import mask_secrets
from meta_orch.domain.states import RunTrigger
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.base import UnexpectedAnswer
from meta_orch.orchestrators.prefect.links import Links
from meta_orch.orchestrators.prefect.states import read_state

Row = Mapping[str, Any]

MESSAGE_LENGTH = 500

# A task's key is the name of its function and a hash of its code: `extract-07b8d1d5`.
_TASK_KEY_HASH = re.compile(r"-[0-9a-f]{8}$")
_RUN_DEPLOYMENT = re.compile(r"(^|\.)run_deployment\.(?P<deployment>.+)$")

_TRIGGERS = {"SCHEDULE": RunTrigger.SCHEDULE, "AUTOMATION": RunTrigger.SENSOR}


@contextmanager
def reading(instance: str, what: str) -> Iterator[None]:
    """Turn what goes wrong in here into `UnexpectedAnswer`."""
    try:
        yield
    except KeyError as error:
        raise UnexpectedAnswer(instance, f"{what} came without {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(instance, f"{what} is not what this API gives: {error}") from error


def parse_run(row: Row, pipeline: PipelineKey, links: Links, *, parent: str | None = None) -> Run:
    """A run from a flow run. `parent` is the flow run that it is a subflow of."""
    state, native_state = read_state(row)
    return Run(
        key=RunKey(pipeline, _identity(row)),
        state=state,
        native_state=native_state,
        attempt=max(row.get("run_count") or 0, 1),
        trigger=_trigger(row),
        scheduled_at=parse_instant(row.get("expected_start_time")),
        started_at=_started_at(row),
        ended_at=_ended_at(row),
        parameters=mask_secrets(row.get("parameters") or {}),
        parent_run_id=parent,
        pipeline_version=row.get("flow_version") or row.get("deployment_version"),
        queue=_queue(row),
        message=_message(row),
        url=links.flow_run(_identity(row)),
    )


def _queue(row: Row) -> str | None:
    """Work queues of several pools may have one name."""
    queue = row.get("work_queue_name")
    return f"{row['work_pool_name']}/{queue}" if queue and row.get("work_pool_name") else queue


def _started_at(row: Row) -> datetime | None:
    """Of a run that was ended before it began, Prefect gives the end as the start, too."""
    never_ran = row.get("run_count") == 0 and row.get("start_time") == row.get("end_time")
    return None if never_ran else parse_instant(row.get("start_time"))


def parse_task_run(row: Row, run: RunKey, links: Links, *, pool: str | None = None) -> TaskRun:
    """The latest attempt of a task run; Prefect keeps no earlier ones."""
    state, native_state = read_state(row)
    details = (row.get("state") or {}).get("state_details") or {}
    return TaskRun(
        run=run,
        task=task_name(row),
        task_run_id=_identity(row),
        state=state,
        native_state=native_state,
        attempt=max(row.get("run_count") or 0, 1),
        scheduled_at=parse_instant(row.get("expected_start_time")),
        started_at=parse_instant(row.get("start_time")),
        ended_at=_ended_at(row),
        pool=pool,
        upstream_task_run_ids=tuple(sorted(_upstream_ids(row))),
        child_run_id=details.get("child_flow_run_id"),
        message=_message(row),
        url=links.task_run(_identity(row)),
    )


def task_name(row: Row) -> str:
    """The task's name in the code. A task run's own name carries a random suffix."""
    key = row["task_key"]
    if started := _RUN_DEPLOYMENT.search(key):
        return f"run_deployment.{started['deployment']}"
    return _TASK_KEY_HASH.sub("", key)


def parse_tasks(rows: Iterable[Row], *, pool: str | None = None) -> tuple[Task, ...]:
    """The tasks of a flow as one run of it showed them, sorted by name. Prefect keeps no graph of
    a flow: a branch that the run did not take is not there."""
    rows = list(rows)
    name_of = {_identity(row): task_name(row) for row in rows}
    upstream: dict[str, set[str]] = {name: set() for name in name_of.values()}
    times: Counter[tuple[str, int]] = Counter()
    example: dict[str, Row] = {}
    for row in rows:
        name = task_name(row)
        example[name] = row
        # A flow that is retried runs its tasks anew: that does not make them mapped.
        times[name, row.get("flow_run_run_count") or 0] += 1
        upstream[name] |= {name_of[task] for task in _upstream_ids(row) if task in name_of}
    mapped = {name for (name, _), count in times.items() if count > 1}
    return tuple(
        Task(
            name=name,
            kind=_task_kind(row),
            upstream=tuple(sorted(upstream[name] - {name})),
            retries=_retries(row),
            pool=pool,
            is_mapped=name in mapped,
        )
        for name, row in sorted(example.items())
    )


def parse_schedules(rows: Iterable[Row], next_at: Mapping[str, datetime]) -> tuple[Schedule, ...]:
    """The schedules of a deployment, in a stable order. `next_at` is by schedule id."""
    parsed = [
        schedule
        for row in sorted(rows, key=lambda row: (row.get("slug") or "", row.get("id") or ""))
        if (schedule := _parse_schedule(row, next_at.get(row.get("id") or "")))
    ]
    return tuple(parsed)


def definition_digest(deployment: Row) -> str:
    """Changes with what a deployment runs, and not with how it is scheduled or described."""
    parts = [
        deployment.get(name)
        for name in (
            *("version", "entrypoint", "path", "pull_steps"),
            *("parameters", "parameter_openapi_schema", "job_variables", "work_pool_name"),
        )
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def description(row: Row) -> str | None:
    """Prefect writes the text "None" for a deployment of a flow without a docstring."""
    text = row.get("description")
    return text if text and text != "None" else None


def max_active_runs(deployment: Row) -> int | None:
    limit = deployment.get("global_concurrency_limit") or {}
    # The older field is still what older servers fill in.
    return limit.get("limit") or deployment.get("concurrency_limit")


def parse_work_pool(instance: str, row: Row) -> Pool:
    return Pool(
        instance=instance,
        name=row["name"],
        slots=row.get("concurrency_limit"),
        running=row.get("active_slots"),
    )


def parse_concurrency_limit(instance: str, row: Row) -> Pool:
    return Pool(
        instance=instance,
        name=f"limit:{row['name']}",
        slots=row["limit"] if row.get("active", True) else None,
        running=row.get("active_slots"),
    )


def parent_task_run_ids(rows: Sequence[Row]) -> list[str]:
    """Of subflow runs, and of runs that a flow started with `run_deployment`; sorted."""
    return sorted({row["parent_task_run_id"] for row in rows if row.get("parent_task_run_id")})


def _identity(row: Row) -> str:
    identity = row["id"]
    if not isinstance(identity, str):
        raise TypeError(f"id {identity!r} is no text")
    return identity


def _trigger(row: Row) -> RunTrigger:
    if row.get("parent_task_run_id"):
        return RunTrigger.PARENT
    if row.get("auto_scheduled"):
        return RunTrigger.SCHEDULE
    created_by = row.get("created_by") or {}
    return _TRIGGERS.get(created_by.get("type") or "", RunTrigger.MANUAL)


def _ended_at(row: Row) -> datetime | None:
    ended_at = parse_instant(row.get("end_time"))
    state, _ = read_state(row)
    if ended_at is None and state.is_terminal:
        return parse_instant((row.get("state") or {}).get("timestamp"))
    return ended_at


def _message(row: Row) -> str | None:
    message = (row.get("state") or {}).get("message")
    return mask_secrets(message)[:MESSAGE_LENGTH] if message else None


def _upstream_ids(row: Row) -> set[str]:
    inputs = row.get("task_inputs") or {}
    return {
        source["id"]
        for sources in inputs.values()
        for source in sources or ()
        if source.get("input_type") == "task_run"
    }


def _task_kind(row: Row) -> str:
    if _RUN_DEPLOYMENT.search(row["task_key"]):
        return "run_deployment"
    details = (row.get("state") or {}).get("state_details") or {}
    return "subflow" if details.get("child_flow_run_id") else "task"


def _retries(row: Row) -> int | None:
    policy = row.get("empirical_policy") or {}
    retries = policy.get("retries")
    return policy.get("max_retries") if retries is None else retries


def _parse_schedule(row: Row, next_at: datetime | None) -> Schedule | None:
    rule = row.get("schedule") or {}
    common: dict[str, Any] = {
        "timezone": rule.get("timezone") or "UTC",
        "is_active": row.get("active", True),
        "next_at": next_at,
        "name": row.get("slug"),
    }
    if "cron" in rule:
        return Schedule(ScheduleKind.CRON, expression=rule["cron"], **common)
    if "interval" in rule:
        return Schedule(
            ScheduleKind.INTERVAL,
            interval=timedelta(seconds=float(rule["interval"])),
            anchor=parse_instant(rule.get("anchor_date")),
            **common,
        )
    if "rrule" in rule:
        return Schedule(ScheduleKind.RRULE, expression=rule["rrule"], **common)
    return None
