"""What alerts need to know of runs: little, so that ten thousand pipelines are read at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import duckdb

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.states import RunState
from meta_orch.store.sql import query


class RunBrief(NamedTuple):
    """A run, in brief."""

    run_id: str
    state: RunState
    due_at: datetime | None
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    parent_run_id: str | None


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """Of one pipeline, as it was at a moment."""

    pipeline: PipelineKey
    last: RunBrief | None = None
    """The run that succeeded or failed last."""
    last_success_at: datetime | None = None
    open_runs: tuple[RunBrief, ...] = ()
    """Those that had not ended; by what they were due for."""
    last_due: datetime | None = None
    """What the latest run that began was due for."""
    failures: int = 0
    """How many failed since the last success."""
    failing_since: datetime | None = None
    """When the first of these ended."""
    message: str | None = None
    """Of the last failure."""
    url: str | None = None
    """Its page."""


def find_alert_facts(
    connection: duckdb.DuckDBPyConnection, now: datetime, pipelines: Iterable[str] | None
) -> tuple[PipelineFacts, ...]:
    wanted = None if pipelines is None else sorted(pipelines)
    parameters = {"now": now, "pipelines": wanted}
    found = connection.execute(query("alert_facts"), parameters).fetchall()
    return tuple(_facts(row) for row in found)


def _facts(row: tuple[Any, ...]) -> PipelineFacts:
    instance, pipeline, last, success, open_runs, due, failures, since, message, url = row
    return PipelineFacts(
        PipelineKey(instance, pipeline),
        _run(last),
        _instant(success),
        tuple(run for each in open_runs or () if (run := _run(each))),
        _instant(due),
        failures,
        _instant(since),
        message,
        url,
    )


def _run(row: tuple[Any, ...] | None) -> RunBrief | None:
    if row is None:
        return None
    run_id, state, due, queued, started, ended, parent = row
    return RunBrief(
        run_id,
        RunState(state),
        _instant(due),
        _instant(queued),
        _instant(started),
        _instant(ended),
        parent,
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
