"""What gates need to know of runs: little, so that ten thousand pipelines are read at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import duckdb

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.states import RunState
from meta_orch.store import rows
from meta_orch.store.sql import query


class RunFact(NamedTuple):
    """A run, in brief."""

    run_id: str
    state: RunState
    due_at: datetime
    """`Run.due_at`, or its end where nothing else is known."""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one pipeline."""

    runs: tuple[RunFact, ...] = ()
    """Those that may matter, and every one that is not finished; by end, start or due time."""
    last_success_at: datetime | None = None
    """When its last successful run ended, however long ago."""
    last_finished: RunFact | None = None
    """The run that ended last, however long ago."""
    last_due: datetime | None = None
    """What the latest run that began was due for."""
    last_started: datetime | None = None
    """When it last began to run."""


def find_facts(
    connection: duckdb.DuckDBPyConnection, wanted: Mapping[PipelineKey, datetime]
) -> Mapping[PipelineKey, Facts]:
    documents = [
        rows.to_text({"instance": k.instance, "pipeline": k.name, "since": since.timestamp()})
        for k, since in wanted.items()
    ]
    found = connection.execute(query("gate_facts"), {"documents": documents}).fetchall()
    return {
        PipelineKey(instance, pipeline): Facts(
            runs=tuple(_run(run) for run in runs or ()),
            last_success_at=_instant(success),
            last_finished=_run(last) if last else None,
            last_due=_instant(due),
            last_started=_instant(started),
        )
        for instance, pipeline, runs, success, last, due, started in found
    }


def _run(row: tuple[Any, ...]) -> RunFact:
    run_id, state, due, started, ended = row
    due = next(seconds for seconds in (due, ended, 0.0) if seconds is not None)
    return RunFact(
        run_id,
        RunState(state),
        datetime.fromtimestamp(due, UTC),
        _instant(started),
        _instant(ended),
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
