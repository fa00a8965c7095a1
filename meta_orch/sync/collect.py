"""One reading of one orchestrator into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meta_orch.config.models import EdgeConfig
from meta_orch.domain.pipelines import Pipeline
from meta_orch.orchestrators.base import (
    Catalogue,
    LoginRefused,
    Orchestrator,
    OrchestratorError,
    ReadsPools,
    Unreachable,
)
from meta_orch.store import CollectorStatus, Store, StoreWriter
from meta_orch.sync.edges import known_edges

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Collection:
    """What one reading brought."""

    instance: str
    runs: int
    """Runs on the pages read; one that is on two pages counts twice, and so below."""
    task_runs: int
    gone: int
    catalogue_changed: bool
    """Whether a pipeline appeared, disappeared or was defined anew; the next tick of a schedule is
    no change."""
    caught_up: bool
    """False where the deadline came first: the next reading goes on from there."""


def collect(
    orchestrator: Orchestrator,
    store: Store,
    *,
    clock: Clock,
    deadline: datetime,
    lookback: timedelta,
    catalogue_every: timedelta = timedelta(minutes=5),
    declared_edges: Iterable[EdgeConfig] = (),
) -> Collection:
    """Read what changed since the last time, and keep it.

    First the catalogue, where its fingerprint changed or it was last read `catalogue_every` ago;
    with it come the pools and the edges. Then the runs, page by page, each stored together with its
    cursor, until there is nothing new or `deadline` has passed. At least one page is read, so that
    every reading gets on. A process that is killed anywhere goes on at the last stored page.

    Where the server gives runs and not the catalogue, or the other way round, the one is stored and
    the other's error raised. Where it is not reached, or refuses the login, nothing more is asked.

    Args:
        clock: gives the time as aware UTC.
        deadline: when to stop, by `clock`.
        lookback: how far back the first reading of runs goes.
        declared_edges: those in `meta_orch.yaml`.

    Raises:
        OrchestratorError: the server did not give what was asked. The collector's status in the
            store says so by then.
        StoreError: the store could not be used.
    """
    return _Reading(
        orchestrator=orchestrator,
        store=store,
        clock=clock,
        deadline=deadline,
        lookback=lookback,
        catalogue_every=catalogue_every,
        declared_edges=tuple(declared_edges),
    ).collect()


@dataclass(frozen=True, slots=True)
class _Reading:
    orchestrator: Orchestrator
    store: Store
    clock: Clock
    deadline: datetime
    lookback: timedelta
    catalogue_every: timedelta
    declared_edges: tuple[EdgeConfig, ...]

    @property
    def instance(self) -> str:
        return self.orchestrator.instance

    def collect(self) -> Collection:
        attempted_at = self.clock()
        with self.store.read() as reader:
            before = reader.collectors().get(self.instance)
        if before is None:
            before = CollectorStatus(self.instance, attempted_at, None, False, None, None, None)
        status = replace(before, attempted_at=attempted_at, caught_up=False, error=None)
        failures: list[OrchestratorError] = []
        brought = Collection(self.instance, 0, 0, 0, False, False)

        try:
            status, changed = self._read_catalogue(status)
            brought = replace(brought, catalogue_changed=changed)
        except OrchestratorError as error:
            failures.append(error)
        if not any(isinstance(error, Unreachable | LoginRefused) for error in failures):
            try:
                brought = self._read_changes(brought)
            except OrchestratorError as error:
                failures.append(error)

        with self.store.write() as writer:
            if failures:
                writer.save_collector(replace(status, error="; ".join(map(str, failures))))
            else:
                writer.save_collector(
                    replace(status, succeeded_at=attempted_at, caught_up=brought.caught_up)
                )
        if failures:
            first, *others = failures
            for other in others:
                first.add_note(str(other))
            raise first
        return brought

    def _read_catalogue(self, status: CollectorStatus) -> tuple[CollectorStatus, bool]:
        """Read it where it is due. The status with when, and whether it changed."""
        with self.store.read() as reader:
            fingerprint = reader.fingerprint(self.instance)
        read_at = status.catalogue_read_at
        is_due = read_at is None or status.attempted_at - read_at >= self.catalogue_every
        if not is_due and self.orchestrator.read_fingerprint() == fingerprint:
            return status, False

        with self.store.read() as reader:
            known = {pipeline.key: pipeline for pipeline in reader.pipelines(self.instance)}
        server = self.orchestrator.read_server()
        catalogue = self.orchestrator.read_catalogue(known)
        pools = self.orchestrator.read_pools() if isinstance(self.orchestrator, ReadsPools) else ()
        with self.store.write() as writer:
            writer.save_catalogue(self.instance, catalogue, status.attempted_at)
            writer.save_pools(self.instance, pools, status.attempted_at)
            self._save_edges(writer, status.attempted_at)
        changed = _definitions(catalogue) != {_definition(pipeline) for pipeline in known.values()}
        status = replace(
            status, server_version=server.version, catalogue_read_at=status.attempted_at
        )
        return status, changed

    def _save_edges(self, writer: StoreWriter, now: datetime) -> None:
        """Edges run between instances, so they are worked out from all that is stored."""
        edges = known_edges(writer.pipelines(), self.declared_edges)
        if edges != writer.edges():
            writer.save_edges(edges, now)

    def _read_changes(self, brought: Collection) -> Collection:
        with self.store.read() as reader:
            cursor = reader.cursor(self.instance)
            open_runs = reader.open_runs(self.instance)
        pages = self.orchestrator.read_changes(
            cursor, open_runs, since=self.clock() - self.lookback
        )
        for page in pages:
            with self.store.write() as writer:
                writer.save_changes(self.instance, page, self.clock())
            brought = replace(
                brought,
                runs=brought.runs + len(page.runs),
                task_runs=brought.task_runs + len(page.task_runs),
                gone=brought.gone + len(page.gone),
            )
            if self.clock() >= self.deadline:
                return brought
        return replace(brought, caught_up=True)


def _definitions(catalogue: Catalogue) -> set[Pipeline]:
    return {_definition(pipeline) for pipeline in catalogue.pipelines}


def _definition(pipeline: Pipeline) -> Pipeline:
    """A pipeline without what changes by itself as time goes by."""
    schedules = tuple(replace(schedule, next_at=None) for schedule in pipeline.schedules)
    return replace(pipeline, schedules=schedules)
