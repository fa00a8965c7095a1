"""What comparing an instance's store with its server needs of the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import duckdb

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import ListedRun
from meta_orch.domain.runs import RunKey
from meta_orch.domain.time import Window
from meta_orch.store import rows
from meta_orch.store.sql import query


class StoredRuns:
    """Runs of one instance that ended within a window, read over one short connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, instance: str) -> None:
        self._connection = connection
        self._instance = instance

    def count(self, ended: Window) -> Mapping[PipelineKey, int]:
        """By pipeline; those without such runs are left out."""
        counted = self._fetch("count_ended_runs", since=ended.start, until=ended.end)
        return {PipelineKey(self._instance, pipeline): count for pipeline, count in counted}

    def list(self, pipelines: Iterable[PipelineKey], ended: Window) -> tuple[ListedRun, ...]:
        names = [pipeline.name for pipeline in pipelines]
        found = self._fetch("ended_runs", pipelines=names, since=ended.start, until=ended.end)
        return tuple(
            ListedRun(RunKey(PipelineKey(self._instance, pipeline), run_id), state, ended_at)
            for pipeline, run_id, state, ended_at in found
        )

    def changed_since(self, runs: Collection[RunKey], since: datetime) -> frozenset[RunKey]:
        """Those of some runs that were found changed since then."""
        documents = [rows.to_text(rows.run_key_to_document(run)) for run in runs]
        found = self._fetch("changed_since", documents=documents, since=since)
        return frozenset(
            RunKey(PipelineKey(self._instance, pipeline), run_id) for pipeline, run_id in found
        )

    def first_read_at(self) -> datetime | None:
        """When the instance was first read; None where it never was."""
        ((instant,),) = self._fetch("first_read_at")
        return instant

    def rotation(self) -> str | None:
        """The name of the pipeline that is to be listed next."""
        for (name,) in self._fetch("rotation"):
            return name
        return None

    def _fetch(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        given = {"instance": self._instance, **parameters}
        return self._connection.execute(query(name), given).fetchall()
