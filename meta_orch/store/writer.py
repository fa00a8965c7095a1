"""What the store can be told."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from meta_orch.config.models import Retention
from meta_orch.domain.actions import Action
from meta_orch.domain.assets import AssetFact
from meta_orch.domain.edges import AssetPath, Edge, EdgeKind, Judgement
from meta_orch.domain.holds import Hold
from meta_orch.domain.overrides import Override
from meta_orch.domain.pipelines import Pool
from meta_orch.domain.readings import Catalogue, Changes, RunDetails
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.store import acting_rows, rows
from meta_orch.store.alerting import AlertingWriter
from meta_orch.store.collectors import CollectorStatus
from meta_orch.store.lineage import LineageWriter
from meta_orch.store.measuring import Meter
from meta_orch.store.reader import StoreReader
from meta_orch.store.results import ResultWriter
from meta_orch.store.retention import Expired, forget_expired
from meta_orch.store.sql import query
from meta_orch.store.tracing import TraceWriter
from meta_orch.store.triggering import TriggerWriter

STATED = frozenset({EdgeKind.DATA, EdgeKind.TRIGGER, EdgeKind.DECLARED})
"""Kinds of edges that the catalogues and `meta_orch.yaml` tell."""
_LONGEST_PARAMETER = 4_000_000  # characters
_T = TypeVar("_T")


class StoreWriter(StoreReader):
    """One transaction. Get it from `Store.write`: what is saved is there for others when that
    `with` is left, and none of it when it is left by an error.

    Everything is kept as last seen, by natural key: the last write wins, and a repeat changes
    nothing. `now` is when it was seen, aware.
    """

    def save_catalogue(self, instance: str, catalogue: Catalogue, now: datetime) -> None:
        """Keep a whole catalogue. A pipeline of the instance that is not in it is marked removed:
        its runs stay, and it is back when a later catalogue holds it again.

        Raises:
            ValueError: a pipeline is of another instance.
        """
        _check_instance(instance, (pipeline.key.instance for pipeline in catalogue.pipelines))
        pipelines = _by_key((pipeline.key, pipeline) for pipeline in catalogue.pipelines)
        self._merge("merge_pipelines", map(rows.pipeline_to_document, pipelines), now=now)
        self._run(
            "mark_removed_pipelines",
            instance=instance,
            names=[pipeline.key.name for pipeline in pipelines],
            now=now,
        )
        self._run("save_fingerprint", instance=instance, fingerprint=catalogue.fingerprint)

    def save_changes(self, instance: str, changes: Changes, now: datetime) -> None:
        """Keep one page of changes together with its cursor. Runs that are gone are marked deleted
        and no longer given by any reader. The pipeline of a run need not be known.

        Raises:
            ValueError: a run is of another instance.
        """
        _check_instance(
            instance,
            (
                *(run.key.pipeline.instance for run in changes.runs),
                *(task_run.run.pipeline.instance for task_run in changes.task_runs),
                *(key.pipeline.instance for key in changes.gone),
            ),
        )
        runs = _by_key((run.key, run) for run in changes.runs)
        task_runs = _by_key(
            ((task_run.run, task_run.task_run_id, task_run.attempt), task_run)
            for task_run in changes.task_runs
        )
        self._merge("merge_runs", map(rows.run_to_document, runs), now=now)
        self._forget_former_attempts(instance, task_runs)
        self._merge("merge_task_runs", map(rows.task_run_to_document, task_runs), now=now)
        self._merge("mark_deleted_runs", map(rows.run_key_to_document, changes.gone), now=now)
        self._run("save_cursor", instance=instance, cursor=changes.cursor)

    def save_details(
        self, instance: str, details: RunDetails, gone: Iterable[RunKey], now: datetime
    ) -> None:
        """Keep runs that were read by their ids; where reading of changes stands is as it was.

        Raises:
            ValueError: a run is of another instance.
            RuntimeError: no changes of the instance were ever read.
        """
        cursor = self.cursor(instance)
        if cursor is None:
            raise RuntimeError(f"{instance} has not been read yet")
        changes = Changes(cursor, details.runs, details.task_runs, tuple(gone))
        self.save_changes(instance, changes, now)

    def save_rotation(self, instance: str, next_pipeline: str | None, now: datetime) -> None:
        """Keep which pipeline is to be compared next, run by run."""
        self._run("save_rotation", instance=instance, next_pipeline=next_pipeline, now=now)

    def save_collector(self, status: CollectorStatus) -> None:
        """Keep how a reading went, in place of the one before."""
        self._run("save_collector", document=rows.to_text(rows.collector_to_document(status)))

    def save_pools(self, instance: str, pools: Iterable[Pool], now: datetime) -> None:
        """Keep the pools of an instance, in place of those before.

        Raises:
            ValueError: a pool is of another instance.
        """
        kept = _by_key((pool.name, pool) for pool in pools)
        _check_instance(instance, (pool.instance for pool in kept))
        self._run("forget_pools", instance=instance)
        documents = [*map(rows.pool_to_document, kept)]
        self._merge("note_pool_settings", documents, now=now)
        self._merge("add_pools", documents, now=now)

    def save_edges(
        self, edges: Iterable[Edge], now: datetime, kinds: Collection[EdgeKind] = STATED
    ) -> None:
        """Keep every edge of some kinds that is known now, in place of those before. When each was
        first and last seen is kept.

        Raises:
            ValueError: an edge is of another kind.
        """
        kept = _by_key(((*edge.step, edge.kind), edge) for edge in edges)
        if others := {edge.kind for edge in kept}.difference(kinds):
            raise ValueError(f"an edge is of kind {', '.join(sorted(others))}")
        documents = [rows.to_text(rows.edge_to_document(edge)) for edge in kept]
        self._run("mark_removed_edges", documents=documents, kinds=sorted(kinds), now=now)
        self._run("merge_edges", documents=documents, now=now)

    def save_judgement(self, judgement: Judgement) -> None:
        """Remember what somebody says of the edges between two assets."""
        self._run("save_judgement", document=rows.to_text(rows.judgement_to_document(judgement)))

    def forget_judgement(self, upstream: AssetPath, downstream: AssetPath) -> None:
        """As if nobody had said anything of them."""
        self._run("forget_judgement", upstream=list(upstream), downstream=list(downstream))

    def save_override(self, override: Override) -> None:
        """Remember that somebody lets a pipeline run whatever its gate says."""
        self._run(
            "save_override",
            pipeline=list(override.pipeline),
            said_by=override.by,
            reason=override.reason,
            said_at=override.at,
            expires_at=override.expires_at,
        )

    def save_action(self, action: Action) -> None:
        """Keep an action, in place of what was known of it before."""
        self._run("save_action", document=rows.to_text(acting_rows.action_to_document(action)))

    def save_hold(self, hold: Hold) -> None:
        """Keep a hold, in place of what was known of it before."""
        self._run("save_hold", document=rows.to_text(acting_rows.hold_to_document(hold)))

    @property
    def triggers(self) -> TriggerWriter:
        return TriggerWriter(self._connection)

    @property
    def alerting(self) -> AlertingWriter:
        return AlertingWriter(self._connection)

    @property
    def lineage(self) -> LineageWriter:
        return LineageWriter(self._connection)

    @property
    def traces(self) -> TraceWriter:
        return TraceWriter(self._connection)

    @property
    def measurements(self) -> Meter:
        return Meter(self._connection)

    @property
    def results(self) -> ResultWriter:
        """What analyses found."""
        return ResultWriter(self._connection)

    def save_asset_facts(self, facts: Mapping[AssetPath, AssetFact], now: datetime) -> None:
        """Keep what is known of Dagster assets, in place of what was."""
        documents = (acting_rows.asset_fact_to_document(path, f) for path, f in facts.items())
        self._merge("save_asset_facts", documents, now=now)

    def mark_mirrored(self, runs: Iterable[Run], now: datetime) -> None:
        """Remember that Dagster shows these outcomes of these runs."""
        kept = _by_key((run.revision_id, run) for run in runs)
        self._merge(
            "merge_mirrored",
            (
                {**rows.run_key_to_document(run.key), "revision_id": str(run.revision_id)}
                for run in kept
            ),
            now=now,
        )

    def keep_runs(self, runs: Iterable[RunKey], reason: str, now: datetime) -> None:
        """Keep runs, and their task runs, however old they become, until `release_runs` is told the
        same reason. A run may be kept for several."""
        documents = [rows.to_text(rows.run_key_to_document(run)) for run in dict.fromkeys(runs)]
        self._run("keep_runs", documents=documents, reason=reason, now=now)

    def release_runs(self, reason: str) -> None:
        """No longer keep runs for this reason."""
        self._run("release_runs", reason=reason)

    def forget_expired(self, retention: Retention, now: datetime) -> Expired:
        """Remove what is older than `retention` keeps, and say how many runs that was."""
        self.alerting.forget(now - retention.incidents)
        return forget_expired(self._connection, retention, now)

    def _forget_former_attempts(self, instance: str, seen: Collection[TaskRun]) -> None:
        run_ids = sorted({task_run.run.run_id for task_run in seen})
        tried_again = set(self._fetch("tried_again", instance=instance, run_ids=run_ids))
        texts = [
            rows.to_text(
                {
                    **rows.run_key_to_document(task_run.run),
                    "task_run_id": task_run.task_run_id,
                    "attempt": task_run.attempt,
                    "started_at": task_run.started_at.isoformat(),
                }
            )
            for task_run in seen
            if task_run.started_at is not None
            and (task_run.run.pipeline.name, task_run.run.run_id) in tried_again
        ]
        if texts:
            self._run("forget_former_attempts", documents=texts)

    def _merge(self, name: str, documents: Iterable[rows.Document], *, now: datetime) -> None:
        for texts in _in_parts(map(rows.to_text, documents)):
            self._run(name, documents=texts, now=now)

    def _run(self, name: str, **parameters: object) -> None:
        self._connection.execute(query(name), parameters)


def _in_parts(texts: Iterable[str]) -> Iterator[list[str]]:
    """DuckDB holds all of a parameter several times over."""
    part: list[str] = []
    size = 0
    for text in texts:
        part.append(text)
        size += len(text)
        if size >= _LONGEST_PARAMETER:
            yield part
            part, size = [], 0
    if part:
        yield part


def _by_key(items: Iterable[tuple[Hashable, _T]]) -> tuple[_T, ...]:
    """One item a key, the last: a merge may not meet a key twice."""
    return tuple(dict(items).values())


def _check_instance(instance: str, found: Iterable[str]) -> None:
    if others := set(found) - {instance}:
        raise ValueError(f"what is saved for {instance!r} is of {', '.join(sorted(others))}")
