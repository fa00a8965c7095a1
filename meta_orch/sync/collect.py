"""One reading of one orchestrator into the store."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from meta_orch.config.models import MetaOrchConfig
from meta_orch.dependencies import known_edges
from meta_orch.dependencies.reading import known_pipelines
from meta_orch.domain.health import Problem
from meta_orch.domain.pipelines import Pipeline
from meta_orch.orchestrators.base import (
    Changes,
    LoginRefused,
    Orchestrator,
    OrchestratorError,
    ReadsHealth,
    ReadsPools,
    Unreachable,
)
from meta_orch.store import STATED, CollectorStatus, Store, StoreWriter

Clock = Callable[[], datetime]

# A merge costs about the same for a page as for fifty, and so does what DuckDB does when the file
# is let go, so pages are saved together; what a kill costs is to read them again.
_ROWS_AT_ONCE = 15_000
_LONGEST_UNSAVED = timedelta(seconds=5)
_NO_CONFIG = MetaOrchConfig()


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
    history_to: datetime | None = None
    """Where not all of the past is read yet: what happened up to then is still to come."""


def collect(
    orchestrator: Orchestrator,
    store: Store,
    *,
    clock: Clock,
    deadline: datetime,
    lookback: timedelta,
    catalogue_every: timedelta = timedelta(minutes=5),
    config: MetaOrchConfig = _NO_CONFIG,
    poll_interval: timedelta = timedelta(seconds=30),
    draw: Callable[[], float] = random.random,
) -> Collection:
    """Read what changed since the last time, and keep it.

    First the catalogue, where its fingerprint changed or it was last read `catalogue_every` ago;
    with it come the pools and the edges. Then the runs, page by page, stored together with their
    cursor, until there is nothing new or `deadline` has passed. At least one page is read, so that
    every reading gets on. A process that is killed anywhere goes on at the last stored page.

    Where the server gives runs and not the catalogue, or the other way round, the one is stored and
    the other's error raised. Where it is not reached, or refuses the login, nothing more is asked.
    Readings that bring nothing open the instance's circuit, which the caller heeds: a person who
    asks is not made to wait.

    Args:
        clock: gives the time as aware UTC.
        deadline: when to stop, by `clock`.
        lookback: how far back the first reading of runs goes.
        config: tells of more edges: those declared, and sources of OpenLineage events.
        poll_interval: how often the instance is asked as long as it answers.
        draw: gives a number from 0 to 1 by chance.

    Raises:
        OrchestratorError: the server did not give what was asked. The collector's status in the
            store says so by then.
        StoreError: the store could not be used.
    """
    reading = _Reading(orchestrator, store, clock())
    try:
        reading.read_catalogue(catalogue_every, config)
    except OrchestratorError as error:
        reading.failures.append(error)
    if not any(isinstance(error, Unreachable | LoginRefused) for error in reading.failures):
        try:
            reading.read_changes(clock, deadline, since=clock() - lookback)
        except OrchestratorError as error:
            reading.failures.append(error)
    return reading.finish(clock(), poll_interval, draw)


class _Reading:
    """One call of `collect`: what was kept before it, and what it brought so far."""

    def __init__(self, orchestrator: Orchestrator, store: Store, now: datetime) -> None:
        self.orchestrator = orchestrator
        self.store = store
        self.instance = orchestrator.instance
        self.attempted_at = now
        with store.read() as reader:
            before = reader.collectors().get(self.instance)
            self.fingerprint = reader.fingerprint(self.instance)
            self.cursor = reader.cursor(self.instance)
            self.open_runs = reader.open_runs(self.instance)
        self.status = before or CollectorStatus(self.instance, now, None, False, None, None, None)
        self.failures: list[OrchestratorError] = []
        self.unsaved: Changes | None = None
        self.runs = self.task_runs = self.gone = 0
        self.catalogue_changed = False
        self.caught_up = self.has_read = False
        self.history_to: datetime | None = None

    def read_catalogue(self, every: timedelta, config: MetaOrchConfig) -> None:
        """Read it where it is due, and with it pools and edges."""
        read_at = self.status.catalogue_read_at
        is_due = read_at is None or self.attempted_at - read_at >= every
        if not is_due and self.orchestrator.read_fingerprint() == self.fingerprint:
            return
        with self.store.read() as reader:
            known = {pipeline.key: pipeline for pipeline in reader.pipelines(self.instance)}
        server = self.orchestrator.read_server()
        catalogue = self.orchestrator.read_catalogue(known)
        pools = self.orchestrator.read_pools() if isinstance(self.orchestrator, ReadsPools) else ()
        health = self._read_health()
        self.status = replace(
            self.status, server_version=server.version, catalogue_read_at=self.attempted_at
        )
        with self.store.write() as writer:
            writer.save_catalogue(self.instance, catalogue, self.attempted_at)
            writer.save_pools(self.instance, pools, self.attempted_at)
            if health is not None:
                writer.alerting.save_problems(self.instance, health, self.attempted_at)
            # Edges run between instances, so they are worked out from all that is stored.
            edges = known_edges(known_pipelines(writer, config), config.edges)
            if edges != tuple(edge for edge in writer.edges() if edge.kind in STATED):
                writer.save_edges(edges, self.attempted_at)
            writer.save_collector(self.status)
        self.has_read = True
        self.catalogue_changed = _definitions(catalogue.pipelines) != _definitions(known.values())

    def _read_health(self) -> tuple[Problem, ...] | None:
        """None where it cannot be read, which keeps nothing else from being so."""
        if not isinstance(self.orchestrator, ReadsHealth):
            return None
        try:
            return self.orchestrator.read_health()
        except OrchestratorError:
            return None

    def read_changes(self, clock: Clock, deadline: datetime, since: datetime) -> None:
        """Read pages until there is nothing new or the deadline has passed. What is left to save
        then is in `unsaved`."""
        saved_at = clock()
        for page in self.orchestrator.read_changes(self.cursor, self.open_runs, since=since):
            self.has_read = True
            self.runs += len(page.runs)
            self.task_runs += len(page.task_runs)
            self.gone += len(page.gone)
            self.history_to = page.history_to
            self.unsaved = self.unsaved.followed_by(page) if self.unsaved else page
            now = clock()
            if now >= deadline:
                return
            rows = len(self.unsaved.runs) + len(self.unsaved.task_runs)
            if rows >= _ROWS_AT_ONCE or now - saved_at >= _LONGEST_UNSAVED:
                self.store.write_frugally(partial(self.save_changes, now=now))
                self.unsaved = None
                saved_at = now
        self.caught_up = True

    def save_changes(self, writer: StoreWriter, now: datetime) -> None:
        if self.unsaved:
            writer.save_changes(self.instance, self.unsaved, now)

    def finish(
        self, now: datetime, poll_interval: timedelta, draw: Callable[[], float]
    ) -> Collection:
        """Save what is left and how it went.

        Raises:
            OrchestratorError: something could not be read.
        """
        status = replace(
            self.status, attempted_at=self.attempted_at, caught_up=self.caught_up, error=None
        )
        if self.failures:
            status = replace(status, caught_up=False, error="; ".join(map(str, self.failures)))
        else:
            status = replace(status, succeeded_at=self.attempted_at)
        if self.has_read:
            status = replace(status, circuit=status.circuit.after_success())
        elif self.failures:
            circuit = status.circuit.after_failure(
                now,
                poll_interval=poll_interval,
                draw=draw(),
                retry_after=self.failures[0].retry_after,
            )
            status = replace(status, circuit=circuit)

        def save(writer: StoreWriter) -> None:
            self.save_changes(writer, now)
            writer.save_collector(status)

        self.store.write_frugally(save)
        if self.failures:
            first, *others = self.failures
            for other in others:
                first.add_note(str(other))
            raise first
        return Collection(
            instance=self.instance,
            runs=self.runs,
            task_runs=self.task_runs,
            gone=self.gone,
            catalogue_changed=self.catalogue_changed,
            caught_up=self.caught_up,
            history_to=self.history_to,
        )


def _definitions(pipelines: Iterable[Pipeline]) -> set[Pipeline]:
    """Pipelines without what changes by itself as time goes by."""
    return {
        replace(
            pipeline,
            schedules=tuple(replace(schedule, next_at=None) for schedule in pipeline.schedules),
        )
        for pipeline in pipelines
    }
