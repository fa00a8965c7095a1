"""Runs with all their tasks, and where pipelines lose their time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import duckdb

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.store import rows
from meta_orch.store.sql import query


class WorstTask(NamedTuple):
    """A task that often decides when its pipeline ends."""

    instance: str
    pipeline: str
    task: str
    saves_seconds: float
    """How much sooner the pipeline would end if it were faster (`critical_paths.report.FASTER`)."""
    makespan_seconds: float
    """What the pipeline takes."""
    on_path: float
    """The share of runs in which it is on the critical path."""
    runs: int


class ShapedTask(NamedTuple):
    """A task run as it is in each of some runs."""

    task: str
    upstream: tuple[int, ...]
    """The places of the task runs that it says it waited for."""
    ran: bool
    """Whether it is known when it began and ended."""


@dataclass(frozen=True, slots=True)
class ShapedRuns:
    """Successful runs of a pipeline whose task runs are the same. Instants are microseconds since
    1970 in UTC."""

    pipeline: PipelineKey
    tasks: tuple[ShapedTask, ...]
    """By name and index, then as they began."""
    ended_until: datetime
    began_at: Sequence[int]
    started_at: Sequence[Sequence[int]]
    """Of each run those of its task runs that ran, and so below."""
    ended_at: Sequence[Sequence[int]]
    queued_at: Sequence[Sequence[int]]
    """When it began where it is not known."""


@dataclass(frozen=True, slots=True)
class Known:
    """A pipeline that exists."""

    since: datetime
    """When it was first read, or its first run that is known was due."""
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class PastRun:
    """A successful run, in brief."""

    pipeline: PipelineKey
    due_at: datetime | None
    """Where it was due by a schedule."""
    started_at: datetime
    ended_at: datetime
    width: int | None
    """How many task runs it had, where they are known."""
    width_since: datetime | None
    """When the last of its mapped tasks had been told apart; None where none is mapped."""


class TraceReader:
    """Get it from `StoreReader.traces`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def last_runs(
        self, pipelines: Iterable[PipelineKey], *, most: int
    ) -> Iterator[tuple[Run, tuple[TaskRun, ...]]]:
        """Of each pipeline the last successful runs, each with every attempt of its task runs; by
        pipeline, the last first."""
        documents = [rows.to_text({"instance": k.instance, "pipeline": k.name}) for k in pipelines]
        found = self._fetch("traced_runs", documents=documents, most=most)
        for run, task_runs in found:
            yield (
                rows.run_from_document(rows.from_text(run)),
                tuple(rows.task_run_from_document(row) for row in json.loads(task_runs)),
            )

    def shaped_runs(self, pipelines: Iterable[PipelineKey], *, most: int) -> Iterator[ShapedRuns]:
        """The same runs with the times of their task runs alone, by pipeline; of runs without task
        runs nothing but when they ended."""
        documents = [rows.to_text({"instance": k.instance, "pipeline": k.name}) for k in pipelines]
        for row in self._fetch("shaped_runs", documents=documents, most=most):
            instance, pipeline, shape, until, *times = row
            yield ShapedRuns(
                PipelineKey(instance, pipeline),
                tuple(
                    ShapedTask(found["task"], tuple(found["upstream"]), found["ran"])
                    for found in json.loads(shape)
                ),
                datetime.fromtimestamp(until, UTC),
                *times,
            )

    def runs_since(self, pipelines: Iterable[PipelineKey], since: datetime) -> Iterator[Run]:
        """Runs that ended since, or have not; in no order."""
        documents = [rows.to_text({"instance": k.instance, "pipeline": k.name}) for k in pipelines]
        for (text,) in self._fetch("promised_runs", documents=documents, since=since):
            yield rows.run_from_document(rows.from_text(text))

    def past_runs(self, pipelines: Iterable[PipelineKey], *, most: int) -> Iterator[PastRun]:
        """Of each pipeline the last successful runs; by pipeline, the oldest first."""
        documents = [rows.to_text({"instance": k.instance, "pipeline": k.name}) for k in pipelines]
        for row in self._fetch("past_runs", documents=documents, most=most):
            instance, pipeline, due, started, ended, width, since = row
            yield PastRun(
                PipelineKey(instance, pipeline),
                None if due is None else datetime.fromtimestamp(due, UTC),
                datetime.fromtimestamp(started, UTC),
                datetime.fromtimestamp(ended, UTC),
                width,
                None if since is None else datetime.fromtimestamp(since, UTC),
            )

    def widths_so_far(self, pipelines: Iterable[PipelineKey]) -> Mapping[RunKey, int]:
        """Of runs that are under way how many task runs they will have, where that can be told."""
        documents = [rows.to_text({"instance": k.instance, "pipeline": k.name}) for k in pipelines]
        found = self._fetch("widths_so_far", documents=documents) if documents else []
        return {
            RunKey(PipelineKey(instance, pipeline), run_id): width
            for instance, pipeline, run_id, width in found
        }

    def told_since(self, since: datetime) -> frozenset[PipelineKey]:
        """Pipelines with runs that the store was told anything new of since."""
        return frozenset(
            PipelineKey(*row) for row in self._fetch("pipelines_told_since", since=since)
        )

    def known(self) -> Mapping[PipelineKey, Known]:
        """Of each pipeline that exists since when, and its tags."""
        return {
            PipelineKey(instance, name): Known(
                datetime.fromtimestamp(seconds, UTC), frozenset(tags or ())
            )
            for instance, name, seconds, tags in self._fetch("known_since")
        }

    def out_of_date(self) -> tuple[PipelineKey, ...]:
        """Pipelines with successful runs that came since their critical path was worked out."""
        return tuple(PipelineKey(*row) for row in self._fetch("pipelines_to_trace"))

    def worst(self, most: int) -> list[WorstTask]:
        """The tasks that would save most if they were faster."""
        return [WorstTask(*row) for row in self._fetch("worst_critical_paths", most=most)]

    def _fetch(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query(name), parameters).fetchall()


class TraceWriter(TraceReader):
    """Get it from `StoreWriter.traces`."""

    def save(self, paths: Iterable[rows.Document], now: datetime) -> None:
        """Keep critical paths, as `merge_critical_paths.sql` has them."""
        documents = [rows.to_text(path) for path in paths]
        if documents:
            parameters = {"documents": documents, "now": now}
            self._connection.execute(query("merge_critical_paths"), parameters)

    def forget_removed(self) -> None:
        """Remove those of pipelines that no longer exist."""
        self._connection.execute(query("forget_critical_paths"))
