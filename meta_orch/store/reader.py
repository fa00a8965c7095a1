"""What the store can be asked."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from meta_orch.config.models import Retention
from meta_orch.domain.actions import Action
from meta_orch.domain.assets import AssetFact
from meta_orch.domain.edges import AssetPath, Edge, Judgement, Step
from meta_orch.domain.holds import Hold
from meta_orch.domain.overrides import Override
from meta_orch.domain.pipelines import Pipeline, PipelineKey, Pool
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.time import Window
from meta_orch.store import acting_rows, rows
from meta_orch.store.alerting import AlertingReader
from meta_orch.store.collectors import CollectorStatus
from meta_orch.store.comparing import StoredRuns
from meta_orch.store.errors import QueryFailed
from meta_orch.store.gate_facts import Facts, find_facts
from meta_orch.store.history import Coincidence, Race, find_coincidences, find_races
from meta_orch.store.lineage import LineageReader
from meta_orch.store.measuring import Measurements
from meta_orch.store.reporting import ReportReader
from meta_orch.store.retention import Expired, find_expired
from meta_orch.store.sql import query
from meta_orch.store.tracing import TraceReader
from meta_orch.store.triggering import TriggerReader

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave, as Python values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class StoreReader:
    """One short connection. Get it from `Store.read`; it is of no use after that `with`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def pipelines(
        self, instance: str | None = None, names: Collection[str] | None = None
    ) -> tuple[Pipeline, ...]:
        """Pipelines that exist now, by instance and name; those of some names, or all."""
        wanted = None if names is None else sorted(names)
        return tuple(
            rows.pipeline_from_document(row)
            for row in self._rows("pipelines", instance=instance, names=wanted)
        )

    def fingerprint(self, instance: str) -> str | None:
        """That of the last saved catalogue; None before the first."""
        return self._progress(instance)[0]

    def cursor(self, instance: str) -> str | None:
        """That of the last saved page of changes; None before the first."""
        return self._progress(instance)[1]

    def open_runs(self, instance: str) -> tuple[RunKey, ...]:
        """Runs in no terminal state, those that are only scheduled too."""
        return tuple(
            RunKey(PipelineKey(instance, pipeline), run_id)
            for pipeline, run_id in self._fetch("open_runs", instance=instance)
        )

    def runs_in_progress(self, instance: str | None = None) -> tuple[Run, ...]:
        """Runs that are due and not finished (queued, running, waiting ...), longest first."""
        return tuple(
            rows.run_from_document(row) for row in self._rows("runs_in_progress", instance=instance)
        )

    def latest_runs(
        self, instance: str | None = None, *, finished: bool = False
    ) -> Mapping[PipelineKey, Run]:
        """The latest run of each pipeline that has any, by `Run.effective_at`; one that is only
        scheduled does not count.

        Args:
            finished: whether one that has not ended does not count either.
        """
        runs = (
            rows.run_from_document(row)
            for row in self._rows("latest_runs", instance=instance, finished=finished)
        )
        return {run.key.pipeline: run for run in runs}

    def runs_to_mirror(self, instance: str, *, history: int, limit: int) -> tuple[Run, ...]:
        """Finished runs that Dagster should show and does not yet.

        Args:
            history: how many of the last finished runs of each pipeline to show.
            limit: how many to give at most. The newest of every pipeline come before anybody's
                older ones.

        Returns:
            Pipelines whose latest run failed first, and oldest first within a pipeline: Dagster
            takes for the latest what it was told last.
        """
        return tuple(
            rows.run_from_document(row)
            for row in self._rows("runs_to_mirror", instance=instance, history=history, limit=limit)
        )

    def task_runs(self, run: RunKey) -> tuple[TaskRun, ...]:
        """Every attempt of every task run of a run, by start."""
        return tuple(
            rows.task_run_from_document(row)
            for row in self._rows("task_runs", **rows.run_key_to_document(run))
        )

    def pools(self, instance: str | None = None) -> tuple[Pool, ...]:
        return tuple(rows.pool_from_document(row) for row in self._rows("pools", instance=instance))

    def edges(self) -> tuple[Edge, ...]:
        """Edges that are known now, suggested and rejected ones too, sorted."""
        return tuple(rows.edge_from_document(row) for row in self._rows("edges"))

    def judgements(self) -> Mapping[Step, Judgement]:
        """What people said of edges, by their ends."""
        found = (rows.judgement_from_document(row) for row in self._rows("judgements"))
        return {judgement.step: judgement for judgement in found}

    def collectors(self) -> Mapping[str, CollectorStatus]:
        """How the last reading of each instance went, by instance."""
        statuses = (rows.collector_from_document(row) for row in self._rows("collectors"))
        return {status.instance: status for status in statuses}

    def stored_runs(self, instance: str) -> StoredRuns:
        """Runs of an instance, for comparing with its server."""
        return StoredRuns(self._connection, instance)

    def coincidences(
        self, period: Window, within: timedelta, least: int
    ) -> tuple[Coincidence, ...]:
        """Pipelines that started soon after another had succeeded.

        Args:
            period: of the starts that are looked at.
            within: how soon is soon.
            least: how many times it must have been so.
        """
        return find_coincidences(self._connection, period, within, least)

    def races(
        self, edges: Iterable[tuple[PipelineKey, PipelineKey]], since: datetime
    ) -> tuple[Race, ...]:
        """How scheduled pipelines came after those that they depend on.

        Args:
            edges: upstream and downstream; those of which one is not scheduled are left out.
        """
        return find_races(self._connection, edges, since)

    def gate_facts(self, wanted: Mapping[PipelineKey, datetime]) -> Mapping[PipelineKey, Facts]:
        """What gates need to know of pipelines. One without runs is left out.

        Args:
            wanted: pipelines, with the instant since when it matters what their runs are due for.
        """
        return find_facts(self._connection, wanted)

    def overrides(self, now: datetime) -> Mapping[AssetPath, Override]:
        """What people said against gates that holds now, by pipeline."""
        found = (rows.override_from_document(row) for row in self._rows("overrides", now=now))
        return {override.pipeline: override for override in found}

    def actions(
        self,
        pipeline: PipelineKey | None = None,
        *,
        instance: str | None = None,
        most: int = 100,
    ) -> tuple[Action, ...]:
        """What was done, of a pipeline, an instance or all; the last first."""
        asked = pipeline.instance if pipeline else instance
        name = pipeline.name if pipeline else None
        found = self._rows("actions", id=None, instance=asked, pipeline=name, most=most)
        return tuple(acting_rows.action_from_document(row) for row in found)

    def action(self, action_id: str) -> Action | None:
        """The action of that id, if there is one."""
        found = self._rows("actions", id=action_id, instance=None, pipeline=None, most=1)
        return next((acting_rows.action_from_document(row) for row in found), None)

    def last_holds(self, instance: str | None = None) -> Mapping[PipelineKey, Hold]:
        """The last hold of each pipeline that was ever held, open or ended."""
        found = (
            acting_rows.hold_from_document(row)
            for row in self._rows("last_holds", instance=instance)
        )
        return {hold.pipeline: hold for hold in found}

    @property
    def triggers(self) -> TriggerReader:
        """What triggers have taken note of, and started."""
        return TriggerReader(self._connection)

    def asset_facts(self) -> Mapping[AssetPath, AssetFact]:
        """What is known of Dagster assets that gates ask about, as the last tick saw it."""
        found = self._rows("asset_facts")
        return {tuple(row["path"]): acting_rows.asset_fact_from_document(row) for row in found}

    @property
    def lineage(self) -> LineageReader:
        """What OpenLineage events told."""
        return LineageReader(self._connection)

    @property
    def traces(self) -> TraceReader:
        """Runs with all their tasks, and where pipelines lose their time."""
        return TraceReader(self._connection)

    @property
    def measurements(self) -> Measurements:
        """How much of which resource was in use and wanted."""
        return Measurements(self._connection)

    @property
    def alerting(self) -> AlertingReader:
        """Incidents, silences and messages."""
        return AlertingReader(self._connection)

    @property
    def reports(self) -> ReportReader:
        """What reports tell of a time."""
        return ReportReader(self._connection)

    def expired(self, retention: Retention, now: datetime) -> Expired:
        """How much is older than `retention` keeps."""
        return find_expired(self._connection, retention, now)

    def query(
        self, sql: str, parameters: Sequence[object] | Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """The answer to SQL on the views (see docs/store.md), for programs.

        Instants come as `datetime64[us, UTC]`.

        Args:
            parameters: for `?`, or by name for `$name`.

        Raises:
            QueryFailed: the SQL is wrong, or would write.
        """
        with _failing_clearly(), warnings.catch_warnings():
            # DuckDB 1.5's own call of a pandas method in a way that pandas 3.1 deprecates
            warnings.filterwarnings("ignore", "The inplace keyword", DeprecationWarning)
            return self._connection.execute(sql, parameters).df()

    def answer(self, sql: str) -> Answer:
        """The answer to SQL on the views, for people: the last statement's where there are several.
        Instants are aware UTC.

        Raises:
            QueryFailed: the SQL is wrong, would write, or is empty.
        """
        with _failing_clearly():
            cursor: duckdb.DuckDBPyConnection | None = self._connection.execute(sql)
            if cursor is None or not cursor.description:
                raise QueryFailed("there is no query in it")
            columns = tuple(str(column[0]) for column in cursor.description)
            return Answer(columns, tuple(cursor.fetchall()))

    def views(self) -> Answer:
        """The views that people query: `view`, `about`, `columns`."""
        return self.answer(query("views"))

    def _progress(self, instance: str) -> tuple[str | None, str | None]:
        for fingerprint, cursor in self._fetch("progress", instance=instance):
            return fingerprint, cursor
        return None, None

    def _rows(self, name: str, **parameters: object) -> Iterator[rows.Document]:
        for (text,) in self._fetch(name, **parameters):
            yield rows.from_text(text)

    def _fetch(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query(name), parameters).fetchall()


@contextmanager
def _failing_clearly() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise QueryFailed(str(error)) from error
